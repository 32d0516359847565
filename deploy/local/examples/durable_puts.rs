//! How many durable PUTs a second a store acknowledges, and what processor time it takes for them.
//!
//! ```console
//! $ local-cloud --json --count 0 --store-port 9000 > ready &
//! $ cargo run --release -p local-cloud --example durable_puts -- 127.0.0.1:9000 $! [SECONDS]
//! ```
//!
//! 32 clients put objects of 10 kB, one after another each, under keys of their own that nobody has subscribed to.
//! The second argument is the store's process, whose processor time is read from `/proc`.

use std::error::Error;
use std::sync::Arc;
use std::time::{Duration, Instant};

use cos_thumbnails::object::{Bucket, Key};
use cos_thumbnails::storage::{Credentials, HmacKey, PutOptions, S3, S3Config, Storage};
use hdrhistogram::Histogram;

const CLIENTS: usize = 32;
const BYTES: usize = 10_000;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let usage = "usage: durable_puts ADDRESS PID [SECONDS]";
    let address = arguments.next().ok_or(usage)?;
    let process: u32 = arguments.next().ok_or(usage)?.parse()?;
    let seconds: u64 = arguments.next().map_or(Ok(10), |text| text.parse())?;
    let defaults = local_cloud::Options::default();
    let store = Arc::new(S3::new(&S3Config {
        endpoint: format!("http://{address}"),
        region: defaults.region,
        bucket: Bucket::new(defaults.bucket),
        credentials: Credentials::Hmac(HmacKey {
            secret_access_key: std::env::var("COS_SECRET_ACCESS_KEY")
                .unwrap_or(defaults.credentials.secret_access_key),
            ..defaults.credentials
        }),
    })?);
    let (before, started) = (processor_time(process)?, Instant::now());
    let until = started + Duration::from_secs(seconds);
    let clients = (0..CLIENTS).map(|client| {
        let store = Arc::clone(&store);
        tokio::spawn(async move {
            let mut waits = Vec::new();
            while Instant::now() < until {
                let key = Key::new(format!("load/{client}/{}", waits.len()));
                let asked = Instant::now();
                let put = store.put(&key, vec![b'x'; BYTES].into(), PutOptions::default());
                put.await.map_err(|error| error.to_string())?;
                waits.push(asked.elapsed());
            }
            Ok::<_, String>(waits)
        })
    });
    let mut waits = Histogram::<u64>::new(3)?;
    for client in clients.collect::<Vec<_>>() {
        for wait in client.await?? {
            waits.record(u64::try_from(wait.as_micros())?)?;
        }
    }
    let elapsed = started.elapsed().as_secs_f64();
    let used = processor_time(process)?.as_secs_f64() - before.as_secs_f64();
    let quantile = |quantile| Duration::from_micros(waits.value_at_quantile(quantile));
    println!(
        "{} durable PUTs of {BYTES} bytes in {elapsed:.1} s: {:.0}/s; p50 {:?}, p99 {:?}; the store used {:.0} us of \
         processor time for each, {:.2} processors",
        waits.len(),
        f64::from(u32::try_from(waits.len())?) / elapsed,
        quantile(0.5),
        quantile(0.99),
        used * 1e6 / f64::from(u32::try_from(waits.len())?),
        used / elapsed,
    );
    Ok(())
}

/// Time on processors of a process so far, in user and in system mode (proc(5), `stat`: in ticks, which are
/// hundredths of a second on Linux).
fn processor_time(process: u32) -> Result<Duration, Box<dyn Error>> {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat"))?;
    // The second field, a name in brackets, may hold anything.
    let (_, fields) = stat.rsplit_once(')').ok_or("no process status")?;
    let ticks = |at: usize| -> Result<u64, Box<dyn Error>> {
        Ok(fields
            .split_whitespace()
            .nth(at)
            .ok_or("a short process status")?
            .parse()?)
    };
    Ok(Duration::from_millis((ticks(11)? + ticks(12)?) * 10))
}
