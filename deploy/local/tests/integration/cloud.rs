//! Store, notifier and function together.

use std::net::Ipv4Addr;
use std::time::Duration;

use aws_sdk_s3::Client;
use cos_thumbnails::outcome::Verdict;
use local_cloud::{Cloud, Delivery, Error, Options};
use std::error::Error as _;
use tokio::sync::mpsc::UnboundedReceiver;

use crate::client::{self, BUCKET, get, list, put};

/// A small generated picture, another one for each number from 1.
pub(crate) fn picture(number: usize) -> Vec<u8> {
    dataset::pictures_within(number, 200).last().unwrap().bytes
}

/// A running cloud, and what becomes of its events.
pub(crate) struct Uploads {
    pub(crate) cloud: Cloud,
    deliveries: UnboundedReceiver<Delivery>,
    served: usize,
}

impl Uploads {
    pub(crate) async fn start() -> Self {
        Self::start_with(Options::on_free_ports()).await.unwrap()
    }

    async fn start_with(options: Options) -> Result<Self, Error> {
        Self::start_by(options, |_| None).await
    }

    pub(crate) async fn start_by(
        options: Options,
        lookup: impl Fn(&str) -> Option<String>,
    ) -> Result<Self, Error> {
        let (cloud, deliveries) = Cloud::start(options, lookup).await?;
        Ok(Self {
            cloud,
            deliveries,
            served: 0,
        })
    }

    pub(crate) fn client(&self) -> Client {
        client::client(&self.cloud.store_config)
    }

    pub(crate) async fn next(&mut self) -> Delivery {
        let next = tokio::time::timeout(Duration::from_mins(1), self.deliveries.recv());
        next.await.expect("an event is delivered").unwrap()
    }

    /// A picture that is put now gets its six thumbnails.
    pub(crate) async fn next_is_served(&mut self) {
        self.served += 1;
        let name = format!("good-{}.jpg", self.served);
        let client = self.client();
        put(&client, &format!("images/{name}"), picture(1)).await;
        let outcome = self.next().await.result.unwrap();
        assert_eq!(outcome.verdict, Verdict::Made, "{outcome:?}");
        assert_eq!(list(&client, &format!("thumbnails/{name}/")).await.len(), 6);
    }

    pub(crate) async fn stop(self) {
        self.cloud.stop().await.unwrap();
    }
}

#[tokio::test]
async fn thumbnails_come_and_go_with_their_original() {
    let mut uploads = Uploads::start().await;
    let client = uploads.client();
    // Another original below the first one's name, which must keep its own.
    for key in ["images/a b+é.jpg", "images/a b+é.jpg/c.jpg"] {
        put(&client, key, picture(1)).await;
        let outcome = uploads.next().await.result.unwrap();
        assert_eq!(outcome.verdict, Verdict::Made, "{outcome:?}");
    }
    let six = |path: &str| {
        let mut keys: Vec<_> = [16, 32, 64, 128, 256, 512]
            .map(|size| format!("thumbnails/{path}/{size}.jpg"))
            .into();
        keys.sort_unstable();
        keys
    };
    let (own, others) = (six("a b+é.jpg"), six("a b+é.jpg/c.jpg"));
    let mut all = [own, others.clone()].concat();
    all.sort_unstable();
    assert_eq!(list(&client, "thumbnails/").await, all);
    for key in &all {
        assert!(get(&client, key).await.starts_with(&[0xFF, 0xD8]), "{key}");
    }

    let delete = client
        .delete_object()
        .bucket(BUCKET)
        .key("images/a b+é.jpg");
    delete.send().await.unwrap();
    let outcome = uploads.next().await.result.unwrap();
    assert_eq!(outcome.verdict, Verdict::Removed, "{outcome:?}");
    assert_eq!(list(&client, "thumbnails/").await, others);
    uploads.stop().await;
}

#[tokio::test]
async fn a_folder_is_kept_and_has_one_cloud_at_a_time() {
    let folder = tempfile::tempdir().unwrap();
    let options = || Options {
        data: Some(folder.path().to_owned()),
        ..Options::on_free_ports()
    };
    let mut first = Uploads::start_with(options()).await.unwrap();
    put(&first.client(), "images/a.jpg", picture(1)).await;
    first.next().await.result.unwrap();

    let Err(refused) = Uploads::start_with(options()).await else {
        panic!("two stores in one folder");
    };
    let expected = format!(
        "cannot keep things in {}; --data names another folder",
        folder.path().display()
    );
    assert_eq!(refused.to_string(), expected);
    let cause = refused.source().unwrap().to_string();
    assert_eq!(cause, "another store is using it");
    first.next_is_served().await;
    let before = list(&first.client(), "").await;
    assert_eq!(before.len(), 2 * 7);
    first.stop().await;

    let mut second = Uploads::start_with(options()).await.unwrap();
    assert_eq!(list(&second.client(), "").await, before);
    assert_eq!(get(&second.client(), "images/a.jpg").await, picture(1));
    second.served = 1;
    second.next_is_served().await;
    second.stop().await;
}

#[tokio::test]
async fn other_hosts_need_a_secret_that_nobody_knows() {
    let options = |secret: &str| {
        let mut options = Options {
            bind_address: Ipv4Addr::UNSPECIFIED.into(),
            ..Options::on_free_ports()
        };
        options.credentials.secret_access_key = secret.to_owned();
        options
    };
    let known = Options::default().credentials.secret_access_key;
    let Err(refused) = Uploads::start_with(options(&known)).await else {
        panic!("everyone's secret is one");
    };
    assert!(refused.to_string().contains("set COS_SECRET_ACCESS_KEY"));
    let mut uploads = Uploads::start_with(options("own")).await.unwrap();
    uploads.next_is_served().await;
    uploads.stop().await;
}
