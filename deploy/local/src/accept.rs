//! How the servers here take their connections.

use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};

/// How long to wait when the system has no room for another connection: most likely it is out of file
/// descriptors, of which some will be given back.
const NO_ROOM: Duration = Duration::from_millis(50);

/// The next connection, whatever becomes of those before it. Small answers follow small requests, which
/// Nagle's algorithm would hold back.
pub(crate) async fn accept(listener: &TcpListener) -> TcpStream {
    loop {
        if let Ok((stream, _)) = listener.accept().await {
            let _ = stream.set_nodelay(true);
            return stream;
        }
        tokio::time::sleep(NO_ROOM).await;
    }
}
