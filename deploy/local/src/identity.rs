//! A stand-in for IBM Cloud IAM: bearer tokens for an API key, or for a compute resource and its trusted
//! profile.
//!
//! `POST /identity/token` as IBM documents it and as IBM's own SDK sends it. What it gives looks like IAM's
//! tokens (JWT, whose `iat` and `exp` the SDK reads), but is not signed by a key that anyone could look up:
//! whether a token is one of its own it knows by heart.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use http::StatusCode;
use serde_json::{Value, json};
use uuid::Uuid;

const API_KEY_GRANT: &str = "urn:ibm:params:oauth:grant-type:apikey";
const COMPUTE_RESOURCE_GRANT: &str = "urn:ibm:params:oauth:grant-type:cr-token";

/// The API key's id, by which it is deleted.
pub(crate) const API_KEY_ID: &str = "ApiKey-local-cloud";
/// The trusted profile's name.
pub(crate) const PROFILE_NAME: &str = "local-cloud";
/// Its id.
pub(crate) const PROFILE_ID: &str = "Profile-local-cloud";
/// How long tokens live at IBM, in seconds; the most that can be asked for here.
pub(crate) const MAX_LIFETIME_SECONDS: u32 = 3600;

/// Who may have tokens, and the tokens that were given. All of it is secret, so it has no `Debug`.
pub(crate) struct Identity {
    lifetime_seconds: u32,
    compute_resource_token: String,
    state: Mutex<State>,
}

struct State {
    /// Gone once it is deleted.
    api_key: Option<String>,
    /// Each token with its end, in seconds since 1970.
    tokens: BTreeMap<String, i64>,
}

/// Why there is no token, in the shape of IAM's errors. Of the codes, that of an unknown API key is the
/// one that is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub(crate) status: StatusCode,
    code: &'static str,
    message: &'static str,
}

impl Refusal {
    const fn new(code: &'static str, message: &'static str) -> Self {
        Self {
            status: StatusCode::BAD_REQUEST,
            code,
            message,
        }
    }

    /// IAM's body of an error.
    pub(crate) fn body(self) -> Value {
        json!({
            "errorCode": self.code,
            "errorMessage": self.message,
            "context": {"requestId": Uuid::new_v4().simple().to_string(), "requestType": "incoming.Identity_Token"},
        })
    }
}

impl Identity {
    /// Tokens of so many seconds for whoever shows `api_key` or this stand-in's own
    /// [compute-resource token](Self::compute_resource_token).
    pub(crate) fn new(api_key: String, lifetime_seconds: u32) -> Self {
        Self {
            lifetime_seconds: lifetime_seconds.min(MAX_LIFETIME_SECONDS),
            compute_resource_token: format!("cr-{}", Uuid::new_v4().simple()),
            state: Mutex::new(State {
                api_key: Some(api_key),
                tokens: BTreeMap::new(),
            }),
        }
    }

    /// What Code Engine puts into a file of every instance that may act as a trusted profile.
    pub(crate) fn compute_resource_token(&self) -> &str {
        &self.compute_resource_token
    }

    /// Answers `POST /identity/token`, whose body is `form`, at `now` in seconds since 1970.
    pub(crate) fn grant(&self, form: &[u8], now: i64) -> Result<Value, Refusal> {
        let fields: BTreeMap<_, _> = form_urlencoded::parse(form).collect();
        let field = |name| fields.get(name).map(AsRef::as_ref);
        let (grant, subject, kind) = match field("grant_type") {
            Some(API_KEY_GRANT) => {
                let shown = field("apikey").ok_or(Refusal::new(
                    "BXNIM0109E",
                    "Property missing or empty: apikey.",
                ))?;
                if self.state().api_key.as_deref() != Some(shown) {
                    let message = "Provided API key could not be found.";
                    return Err(Refusal::new("BXNIM0415E", message));
                }
                (API_KEY_GRANT, "ServiceId-local-cloud", "ServiceId")
            }
            Some(COMPUTE_RESOURCE_GRANT) => {
                let profile = match (field("profile_id"), field("profile_name")) {
                    (Some(id), _) => id == PROFILE_ID,
                    (None, Some(name)) => name == PROFILE_NAME,
                    (None, None) => {
                        let message = "Property missing or empty: profile_id.";
                        return Err(Refusal::new("BXNIM0109E", message));
                    }
                };
                if !profile || field("cr_token") != Some(&self.compute_resource_token) {
                    let message = "The compute resource token is not valid for this profile.";
                    return Err(Refusal::new("BXNIM0439E", message));
                }
                (COMPUTE_RESOURCE_GRANT, PROFILE_ID, "Profile")
            }
            _ => {
                let message = "Provided grant_type is not supported.";
                return Err(Refusal::new("BXNIM0115E", message));
            }
        };
        let expiration = now + i64::from(self.lifetime_seconds);
        let claims = json!({
            "iam_id": format!("iam-{subject}"),
            "id": format!("iam-{subject}"),
            "sub": subject,
            "sub_type": kind,
            "jti": Uuid::new_v4().to_string(),
            "iat": now,
            "exp": expiration,
            "grant_type": grant,
            "scope": "ibm openid",
            "client_id": "default",
        });
        let token = token(&claims);
        let mut state = self.state();
        state.tokens.retain(|_, end| *end > now);
        state.tokens.insert(token.clone(), expiration);
        Ok(json!({
            "access_token": token,
            "refresh_token": "not_supported",
            "token_type": "Bearer",
            "expires_in": self.lifetime_seconds,
            "expiration": expiration,
            "scope": "ibm openid",
        }))
    }

    /// Whether `token` is one of its own and neither expired nor revoked.
    pub(crate) fn knows(&self, token: &str, now: i64) -> bool {
        let end = self.state().tokens.get(token).copied();
        end.is_some_and(|end| end > now)
    }

    /// Deletes the API key, if `id` is its. The tokens that it got live on to their end, as at IBM.
    pub(crate) fn delete_api_key(&self, id: &str) -> bool {
        id == API_KEY_ID && self.state().api_key.take().is_some()
    }

    /// Makes every token useless before its end.
    pub(crate) fn revoke_tokens(&self) {
        self.state().tokens.clear();
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Three parts, as a JWT has them. The third is no signature, but nobody guesses it.
fn token(claims: &Value) -> String {
    let header = json!({"alg": "RS256", "typ": "JWT", "kid": "local-cloud"});
    let encoded = |part: &[u8]| BASE64_URL_SAFE_NO_PAD.encode(part);
    let secret = [Uuid::new_v4().into_bytes(), Uuid::new_v4().into_bytes()].concat();
    let parts = [
        header.to_string().as_bytes(),
        claims.to_string().as_bytes(),
        &secret,
    ]
    .map(encoded);
    parts.join(".")
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    const NOW: i64 = 1_800_000_000;

    fn identity() -> Identity {
        Identity::new("canary".to_owned(), 60)
    }

    fn form(fields: &[(&str, &str)]) -> Vec<u8> {
        let mut form = form_urlencoded::Serializer::new(String::new());
        form.extend_pairs(fields).finish().into_bytes()
    }

    fn by_key(key: &str) -> Vec<u8> {
        form(&[
            ("grant_type", API_KEY_GRANT),
            ("apikey", key),
            ("response_type", "cloud_iam"),
        ])
    }

    fn access_token(answer: &Value) -> String {
        answer["access_token"].as_str().unwrap().to_owned()
    }

    #[test]
    fn a_token_is_known_until_its_end() {
        let identity = identity();
        let answer = identity.grant(&by_key("canary"), NOW).unwrap();
        assert_eq!(answer["expires_in"], 60);
        assert_eq!(answer["expiration"], NOW + 60);
        assert_eq!(answer["token_type"], "Bearer");
        let token = access_token(&answer);
        let claims = token.split('.').nth(1).unwrap();
        let claims = BASE64_URL_SAFE_NO_PAD.decode(claims).unwrap();
        let claims: Value = serde_json::from_slice(&claims).unwrap();
        assert_eq!(
            (&claims["iat"], &claims["exp"]),
            (&json!(NOW), &json!(NOW + 60))
        );
        assert!(identity.knows(&token, NOW + 59));
        assert!(!identity.knows(&token, NOW + 60));
        assert!(!identity.knows("made.up.token", NOW));
        assert!(!identity.knows("", NOW));
    }

    #[test]
    fn a_compute_resource_has_a_token_by_the_name_or_the_id_of_its_profile() {
        let identity = identity();
        let cr_token = identity.compute_resource_token().to_owned();
        let asked = |token: &str, field: &str, profile: &str| {
            let grant = ("grant_type", COMPUTE_RESOURCE_GRANT);
            identity.grant(&form(&[grant, ("cr_token", token), (field, profile)]), NOW)
        };
        for (field, profile) in [("profile_name", PROFILE_NAME), ("profile_id", PROFILE_ID)] {
            let answer = asked(&cr_token, field, profile).unwrap();
            assert!(identity.knows(&access_token(&answer), NOW));
            assert_eq!(
                asked("other", field, profile).unwrap_err().code,
                "BXNIM0439E"
            );
        }
        let error = asked(&cr_token, "profile_name", "other").unwrap_err();
        assert_eq!(error.code, "BXNIM0439E");
        let error = asked(&cr_token, "scope", "ibm").unwrap_err();
        assert_eq!(error.code, "BXNIM0109E");
    }

    #[test]
    fn what_is_wrong_is_told_as_iam_does() {
        let identity = identity();
        for (form, code) in [
            (by_key("other"), "BXNIM0415E"),
            (form(&[("grant_type", API_KEY_GRANT)]), "BXNIM0109E"),
            (form(&[("grant_type", "password")]), "BXNIM0115E"),
            (b"\xff\x00".to_vec(), "BXNIM0115E"),
        ] {
            let refusal = identity.grant(&form, NOW).unwrap_err();
            assert_eq!(refusal.status, StatusCode::BAD_REQUEST);
            assert_eq!(refusal.body()["errorCode"], code);
        }
    }

    #[test]
    fn a_deleted_key_gets_no_more_and_revoked_tokens_are_unknown() {
        let identity = identity();
        let token = access_token(&identity.grant(&by_key("canary"), NOW).unwrap());
        assert!(!identity.delete_api_key("other"));
        assert!(identity.delete_api_key(API_KEY_ID));
        assert!(!identity.delete_api_key(API_KEY_ID));
        assert!(identity.grant(&by_key("canary"), NOW).is_err());
        assert!(identity.knows(&token, NOW), "until its end");
        identity.revoke_tokens();
        assert!(!identity.knows(&token, NOW));
    }
}
