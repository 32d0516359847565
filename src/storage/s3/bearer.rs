//! Requests that carry a token of IAM in place of a signature.
//!
//! The SDK knows signatures alone. So there is one more way to authorise here, and it is the only one: what
//! the SDK's own endpoints say of the ways that they know would exclude it.

use aws_sdk_s3::config::auth::{Params as AuthParams, ResolveAuthScheme};
use aws_sdk_s3::config::endpoint::{
    Endpoint, EndpointFuture, Params as EndpointParams, ResolveEndpoint,
};
use aws_sdk_s3::config::http::HttpRequest;
use aws_sdk_s3::config::{Builder, ConfigBag, RuntimeComponents};
use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::auth::{
    AuthScheme, AuthSchemeEndpointConfig, AuthSchemeId, AuthSchemeOption, AuthSchemeOptionsFuture,
    Sign,
};
use aws_smithy_runtime_api::client::identity::{
    Identity, IdentityCacheLocation, IdentityFuture, ResolveIdentity, SharedIdentityResolver,
};
use aws_smithy_runtime_api::client::runtime_components::GetIdentityResolver;
use http::HeaderValue;

use crate::storage::iam::Tokens;

const BEARER: AuthSchemeId = AuthSchemeId::new("iam-bearer");

/// `sdk` for the bucket at the URL `bucket`, whose requests carry one of `tokens`.
pub(super) fn carrying(sdk: Builder, bucket: String, tokens: Tokens) -> Builder {
    let scheme = BearerScheme {
        tokens: SharedIdentityResolver::new(Resolver(tokens)),
        signer: Signer,
    };
    sdk.push_auth_scheme(scheme)
        .auth_scheme_resolver(BearerAlone)
        .endpoint_resolver(BucketUrl(bucket))
}

#[derive(Debug)]
struct BearerAlone;

impl ResolveAuthScheme for BearerAlone {
    fn resolve_auth_scheme<'a>(
        &'a self,
        _: &'a AuthParams,
        _: &'a ConfigBag,
        _: &'a RuntimeComponents,
    ) -> AuthSchemeOptionsFuture<'a> {
        AuthSchemeOptionsFuture::ready(Ok(vec![AuthSchemeOption::from(BEARER)]))
    }
}

#[derive(Debug)]
struct BucketUrl(String);

impl ResolveEndpoint for BucketUrl {
    fn resolve_endpoint<'a>(&'a self, _: &'a EndpointParams) -> EndpointFuture<'a> {
        EndpointFuture::ready(Ok(Endpoint::builder().url(self.0.clone()).build()))
    }
}

#[derive(Debug)]
struct BearerScheme {
    tokens: SharedIdentityResolver,
    signer: Signer,
}

impl AuthScheme for BearerScheme {
    fn scheme_id(&self) -> AuthSchemeId {
        BEARER
    }

    fn identity_resolver(&self, _: &dyn GetIdentityResolver) -> Option<SharedIdentityResolver> {
        Some(self.tokens.clone())
    }

    fn signer(&self) -> &dyn Sign {
        &self.signer
    }
}

#[derive(Debug)]
struct Resolver(Tokens);

impl ResolveIdentity for Resolver {
    fn resolve_identity<'a>(
        &'a self,
        _: &'a RuntimeComponents,
        _: &'a ConfigBag,
    ) -> IdentityFuture<'a> {
        IdentityFuture::new(async { Ok(Identity::new(self.0.bearer().await?, None)) })
    }

    /// The SDK's own cache gives up a token that is good where its renewal fails.
    fn cache_location(&self) -> IdentityCacheLocation {
        IdentityCacheLocation::IdentityResolver
    }
}

#[derive(Debug)]
struct Signer;

impl Sign for Signer {
    fn sign_http_request(
        &self,
        request: &mut HttpRequest,
        identity: &Identity,
        _: AuthSchemeEndpointConfig<'_>,
        _: &RuntimeComponents,
        _: &ConfigBag,
    ) -> Result<(), BoxError> {
        let bearer = identity.data::<HeaderValue>().ok_or("no token")?.clone();
        request.headers_mut().try_insert("authorization", bearer)?;
        Ok(())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
