//! Who may ask the store, and for what.

use cos_thumbnails::storage::HmacKey;
use http::header::AUTHORIZATION;
use http::{HeaderMap, Uri};
use s3s::access::{S3Access, S3AccessContext};
use s3s::auth::{S3Auth, SecretKey};
use s3s::{S3Result, s3_error};

/// The key that the store takes, and what it is strict about.
#[derive(Debug, Clone)]
pub(super) struct Access {
    pub(super) owner: HmacKey,
    pub(super) strict: Option<Strict>,
}

/// What stores other than IBM's, and other roles than Writer, refuse.
#[derive(Debug, Clone)]
pub(super) struct Strict {
    /// Signatures must name it, as AWS has it; IBM's store takes any region.
    pub(super) region: String,
    /// A key of the role Reader.
    pub(super) reader: HmacKey,
}

/// An unknown key has the code that S3 gives it, which `s3s`'s own `SimpleAuth` does not.
#[async_trait::async_trait]
impl S3Auth for Access {
    async fn get_secret_key(&self, access_key: &str) -> S3Result<SecretKey> {
        let reader = self.strict.as_ref().map(|strict| &strict.reader);
        let mut keys = std::iter::once(&self.owner).chain(reader);
        let key = keys.find(|key| key.access_key_id == access_key);
        let key = key.ok_or_else(|| s3_error!(InvalidAccessKeyId))?;
        Ok(key.secret_access_key.clone().into())
    }
}

/// Asked once the signature is verified.
#[async_trait::async_trait]
impl S3Access for Strict {
    async fn check(&self, cx: &mut S3AccessContext<'_>) -> S3Result<()> {
        let Some(credentials) = cx.credentials() else {
            return Err(s3_error!(AccessDenied, "Signature is required"));
        };
        let region = region_of(cx.headers(), cx.uri()).unwrap_or_default();
        if region != self.region {
            return Err(s3_error!(
                AuthorizationHeaderMalformed,
                "The authorization header is malformed; the region '{region}' is wrong; expecting '{}'",
                self.region
            ));
        }
        let operation = cx.s3_op().name();
        let reads = ["Get", "Head", "List"];
        let reads = reads.iter().any(|verb| operation.starts_with(verb));
        if credentials.access_key == self.reader.access_key_id && !reads {
            return Err(s3_error!(AccessDenied, "Access Denied"));
        }
        Ok(())
    }
}

/// The region of a signature's scope, `ID/DATE/REGION/s3/aws4_request`, in a header or a presigned URL.
fn region_of(headers: &HeaderMap, uri: &Uri) -> Option<String> {
    let header = headers.get(AUTHORIZATION);
    let scope = if let Some(header) = header {
        let (_, scope) = header.to_str().ok()?.split_once("Credential=")?;
        scope.split(',').next()?.to_owned()
    } else {
        let mut pairs = form_urlencoded::parse(uri.query()?.as_bytes());
        let (_, scope) = pairs.find(|(name, _)| name == "X-Amz-Credential")?;
        scope.into_owned()
    };
    scope.trim_end().rsplit('/').nth(2).map(str::to_owned)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_region_is_found_wherever_the_scope_is() {
        let scope = "id/20261126/eu-de/s3/aws4_request";
        let mut headers = HeaderMap::new();
        let header =
            format!("AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature=0");
        headers.insert(AUTHORIZATION, header.parse().unwrap());
        let plain = Uri::from_static("/b");
        assert_eq!(region_of(&headers, &plain).unwrap(), "eu-de");
        let presigned = format!(
            "/b?X-Amz-Credential={}&X-Amz-Expires=9",
            scope.replace('/', "%2F")
        );
        let found = region_of(&HeaderMap::new(), &presigned.parse().unwrap());
        assert_eq!(found.unwrap(), "eu-de");
        assert_eq!(region_of(&HeaderMap::new(), &plain), None);
    }
}
