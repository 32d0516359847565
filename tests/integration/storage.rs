//! The contract suite against the stores, and the S3 client against a server that misbehaves.

use std::env;

use cos_thumbnails::object::Bucket;
use cos_thumbnails::storage::{Credentials, HmacKey, Memory, S3Config, contract};

mod wire;

#[tokio::test]
async fn memory_keeps_the_contract() {
    contract::run(&Memory::new(), &[]).await;
}

/// The store is named by `CONTRACT_COS_*`; `tests/swift/run` starts one and names it.
///
/// `CONTRACT_COS_DIFFERENCES` has one `check: reason` a line for each check that this store is known
/// to fail.
#[tokio::test]
async fn the_named_store_keeps_the_contract() {
    let Ok(endpoint) = env::var("CONTRACT_COS_ENDPOINT") else {
        println!("skipped: CONTRACT_COS_ENDPOINT names no store (see tests/swift/run)");
        return;
    };
    let variable = |name: &str| env::var(name).unwrap_or_else(|_| panic!("{name} is not set"));
    let config = S3Config {
        endpoint,
        region: variable("CONTRACT_COS_REGION"),
        bucket: Bucket::new(variable("CONTRACT_COS_BUCKET")),
        credentials: Credentials::Hmac(HmacKey {
            access_key_id: variable("CONTRACT_COS_ACCESS_KEY_ID"),
            secret_access_key: variable("CONTRACT_COS_SECRET_ACCESS_KEY"),
        }),
    };
    let differences = env::var("CONTRACT_COS_DIFFERENCES").unwrap_or_default();
    let differences: Vec<_> = differences
        .lines()
        .filter(|line| !line.trim().is_empty())
        .map(|line| {
            line.split_once(": ")
                .expect("CONTRACT_COS_DIFFERENCES has `check: reason`")
        })
        .collect();
    contract::run_s3(&config, &differences).await;
}
