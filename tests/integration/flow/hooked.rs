use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use bytes::Bytes;
use cos_thumbnails::object::{ETag, Key};
use cos_thumbnails::storage::{
    Error, GetOptions, Head, Kind, ListOptions, Memory, Object, Page, PutOptions, Storage,
};
use tokio::sync::Notify;

use super::put;

/// The memory store, with something happening right before its n-th call.
#[derive(Debug, Default)]
pub(super) struct Hooked {
    pub(super) inner: Memory,
    script: Mutex<Script>,
    written: Mutex<HashMap<Key, PutOptions>>,
}

#[derive(Debug, Default)]
struct Script {
    calls: usize,
    hook: Option<(usize, Hook)>,
    /// This object is another one at each HEAD of it.
    restless: Option<&'static str>,
}

#[derive(Debug, Clone)]
pub(super) enum Hook {
    Put(&'static str, Bytes),
    Delete(&'static str),
    Fail,
    /// The call never ends.
    Hang,
    /// The call waits until it is told to go on.
    Wait(Arc<Notify>),
}

impl Hook {
    pub(super) async fn apply(&self, store: &Memory) {
        match self {
            Self::Put(key, body) => drop(put(store, key, body.clone()).await),
            Self::Delete(key) => store.delete(&Key::new(*key)).await.unwrap(),
            Self::Wait(go_on) => go_on.notified().await,
            Self::Fail | Self::Hang => {}
        }
    }
}

impl Hooked {
    pub(super) fn at_every_head_of(&self, key: &'static str) {
        self.script.lock().unwrap().restless = Some(key);
    }

    pub(super) fn at(&self, nth: usize, hook: Hook) {
        self.script.lock().unwrap().hook = Some((nth, hook));
    }

    pub(super) fn reset(&self) {
        *self.script.lock().unwrap() = Script::default();
    }

    pub(super) fn calls(&self) -> usize {
        self.script.lock().unwrap().calls
    }

    pub(super) fn fired(&self) -> bool {
        self.script.lock().unwrap().hook.is_none()
    }

    /// The headers with which an object was written last.
    pub(super) fn put_options(&self, key: &Key) -> Option<PutOptions> {
        self.written.lock().unwrap().get(key).cloned()
    }

    async fn before(&self) -> Result<(), Error> {
        let hook = {
            let mut script = self.script.lock().unwrap();
            let due = script
                .hook
                .as_ref()
                .is_some_and(|(nth, _)| *nth == script.calls);
            script.calls += 1;
            if due { script.hook.take() } else { None }
        };
        match hook {
            Some((_, Hook::Fail)) => Err(Error::new(Kind::Unavailable, "Hooked")),
            Some((_, Hook::Hang)) => std::future::pending().await,
            Some((_, hook)) => {
                hook.apply(&self.inner).await;
                Ok(())
            }
            None => Ok(()),
        }
    }
}

#[async_trait]
impl Storage for Hooked {
    async fn get(&self, key: &Key, options: GetOptions) -> Result<Object, Error> {
        self.before().await?;
        self.inner.get(key, options).await
    }

    async fn head(&self, key: &Key) -> Result<Head, Error> {
        self.before().await?;
        let restless = self.script.lock().unwrap().restless;
        if restless.is_some_and(|restless| key.as_str() == restless) {
            let calls = self.calls().to_string();
            put(&self.inner, key.as_str(), calls).await;
        }
        self.inner.head(key).await
    }

    async fn put(&self, key: &Key, body: Bytes, options: PutOptions) -> Result<ETag, Error> {
        self.before().await?;
        let written = options.clone();
        self.written.lock().unwrap().insert(key.clone(), written);
        self.inner.put(key, body, options).await
    }

    async fn delete(&self, key: &Key) -> Result<(), Error> {
        self.before().await?;
        self.inner.delete(key).await
    }

    async fn list(&self, options: ListOptions) -> Result<Page, Error> {
        self.inner.list(options).await
    }
}
