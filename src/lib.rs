//! Event-driven thumbnails for IBM Cloud Object Storage.
//!
//! ```text
//! event -> plan -> fetch -> decode -> resize -> encode -> store -> outcome
//! ```
//!
//! Three leaves that know nothing of each other ([`events`], [`thumbnail`], [`storage`]), one flow
//! that joins them, and the shared words in [`object`].
//!
//! Thumbnails from bytes, without a store ([`render`]):
//!
//! ```
//! use cos_thumbnails::{plan::Recipe, render::render, thumbnail::Limits};
//!
//! # let mut original = std::io::Cursor::new(Vec::new());
//! # image::GrayImage::new(800, 400).write_to(&mut original, image::ImageFormat::Png)?;
//! # let original = original.into_inner();
//! let recipe = Recipe::standard().with_sizes(&[64, 256])?;
//! for thumbnail in render(&original, &recipe, &Limits::default(), &Default::default())?.thumbnails {
//!     println!("{} x {}: {} bytes", thumbnail.width, thumbnail.height, thumbnail.bytes.len());
//! #   assert_eq!(thumbnail.width, thumbnail.size);
//! }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! An event, as it came over HTTP, with a store of one's own: whatever implements [`storage::Storage`], which has
//! five operations, such as [`storage::S3`], or [`storage::Memory`] here:
//!
//! ```
//! use std::{error::Error, sync::Arc};
//! use cos_thumbnails::{events, object::Bucket, plan::{Policy, Recipe}, storage::Storage, thumbnailer::Thumbnailer};
//!
//! async fn handle(store: Arc<dyn Storage>, headers: &http::HeaderMap, body: &[u8]) -> Result<(), Box<dyn Error>> {
//!     let policy = Policy::new(Bucket::new("pictures"), "images/", "thumbnails/", Recipe::standard())?;
//!     let thumbnailer = Thumbnailer::new(store, policy);
//!     for event in events::parse_http(headers, body)? {
//!         println!("{}", thumbnailer.handle(&event).await?.verdict);
//!     }
//!     Ok(())
//! }
//! # use cos_thumbnails::{object::{Key, ObjectId}, storage::{Memory, PutOptions}};
//! # let (store, key) = (Arc::new(Memory::default()), Key::new("images/cat.png"));
//! # let mut original = std::io::Cursor::new(Vec::new());
//! # image::GrayImage::new(80, 40).write_to(&mut original, image::ImageFormat::Png)?;
//! # let change = events::Change {
//! #     operation: events::Operation::Write,
//! #     object: ObjectId { bucket: Bucket::new("pictures"), key: key.clone() },
//! #     etag: None,
//! #     length: None,
//! #     content_type: None,
//! #     endpoint: String::new(),
//! # };
//! # let (headers, body) = events::Event::new("1", chrono::DateTime::UNIX_EPOCH, change).to_http();
//! # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
//! #     store.put(&key, original.into_inner().into(), PutOptions::default()).await?;
//! #     handle(store.clone(), &headers, &body).await?;
//! #     store.head(&Key::new("thumbnails/cat.png/512.jpg")).await?;
//! #     Ok::<(), Box<dyn Error>>(())
//! # })?;
//! # Ok::<(), Box<dyn Error>>(())
//! ```
//!
//! | feature | default | |
//! |---|---|---|
//! | `webp` | off | thumbnails as lossy WebP, by libwebp: the only C that ever touches a picture |
//! | `contract` | off | `storage::contract`: what every implementation of [`storage::Storage`] has to pass, to be called by its tests |
//!
//! The least version of Rust is 1.95.

pub mod config;
pub mod events;
pub mod object;
pub mod outcome;
pub mod plan;
pub mod process;
pub mod render;
pub mod storage;
pub mod thumbnail;
pub mod thumbnailer;
