use std::path::PathBuf;

use serde_json::Value;

use super::{
    CE_SERVICES, CLOUD_OBJECT_STORAGE_APIKEY, COS_ACCESS_KEY_ID, COS_API_KEY, COS_ENDPOINT,
    COS_SECRET_ACCESS_KEY, COS_TRUSTED_PROFILE, IAM_CR_TOKEN_FILE, Reader, Variable,
};
use crate::storage::{ConfigError, Credentials, HmacKey, iam};

impl<L: Fn(&str) -> Option<String>> Reader<L> {
    /// What requests to the store are authorised by: exactly one of three; or, where none is set, what a
    /// binding of Code Engine brings.
    pub(super) fn credentials(
        &mut self,
        endpoint: Option<&str>,
        iam: Option<&iam::Url>,
    ) -> Option<Credentials> {
        let either = [COS_ACCESS_KEY_ID, COS_API_KEY, COS_TRUSTED_PROFILE];
        let mut named = either.into_iter().filter(|one| self.set(*one).is_some());
        let (first, second) = (named.next(), named.next());
        if let (Some(first), Some(second)) = (first, second) {
            let problem = format!("and {} exclude each other: set one of them", first.name);
            self.mistake(second, problem);
            return None;
        }
        let credential = match first {
            Some(COS_API_KEY) => self.api_key(COS_API_KEY)?,
            Some(COS_TRUSTED_PROFILE) => self.trusted_profile(COS_TRUSTED_PROFILE)?,
            None if self.is_bound() => self.bound()?,
            _ => return self.hmac_key(),
        };
        let unread = ConfigError::of_endpoint_with_tokens(endpoint?);
        self.noted(COS_ENDPOINT, unread)?;
        let url = iam?.clone();
        Some(Credentials::Iam { url, credential })
    }

    /// The API key that `variable` is, if it is set; a mistake where it is none.
    pub fn api_key(&mut self, variable: Variable) -> Option<iam::Credential> {
        let key = iam::Credential::api_key(&self.set(variable)?);
        let problem = "is no API key: it has white space or characters outside ASCII";
        self.noted(variable, key.ok_or(problem))
    }

    fn is_bound(&self) -> bool {
        let bound = [CLOUD_OBJECT_STORAGE_APIKEY, CE_SERVICES];
        // Half an HMAC credential is a mistake, and not made good by something else.
        self.set(COS_SECRET_ACCESS_KEY).is_none() && bound.iter().any(|v| self.set(*v).is_some())
    }

    /// The API key of the Object Storage instance that is bound: an HMAC credential, which it may have
    /// besides, is not told in the variables of one instance
    /// (<https://cloud.ibm.com/docs/codeengine?topic=codeengine-service-binding>).
    fn bound(&mut self) -> Option<iam::Credential> {
        if self.set(CLOUD_OBJECT_STORAGE_APIKEY).is_some() {
            return self.api_key(CLOUD_OBJECT_STORAGE_APIKEY);
        }
        // With a prefix of its own the instance's variables have other names.
        let services = self.set(CE_SERVICES)?;
        let key = key_of_only_instance(&services).and_then(|key| {
            let credential = iam::Credential::api_key(&key);
            credential.ok_or("has an API key with white space or characters outside ASCII")
        });
        self.noted(CE_SERVICES, key)
    }

    /// The trusted profile that `variable` names, if it is set; a mistake where it is no name.
    pub fn trusted_profile(&mut self, variable: Variable) -> Option<iam::Credential> {
        let profile = self.set(variable)?;
        let file = PathBuf::from(self.required(IAM_CR_TOKEN_FILE)?);
        let profile = iam::Credential::profile(&profile, file);
        let problem = "is no name of a profile: it has white space around it or control characters";
        self.noted(variable, profile.ok_or(problem))
    }

    fn hmac_key(&mut self) -> Option<Credentials> {
        let access_key_id = self.set(COS_ACCESS_KEY_ID);
        if access_key_id.is_none() {
            let problem = "is not set, nor are AWS_ACCESS_KEY_ID, COS_API_KEY and COS_TRUSTED_PROFILE: \
                           the store asks for one of them";
            self.mistake(COS_ACCESS_KEY_ID, problem);
        }
        let access_key_id = access_key_id.and_then(|id| {
            let ruled = ConfigError::of_access_key_id(&id);
            self.noted(COS_ACCESS_KEY_ID, ruled).map(|()| id)
        });
        let secret = self.set(COS_SECRET_ACCESS_KEY);
        if secret.is_none() && access_key_id.is_some() {
            let problem = "is not set (nor is AWS_SECRET_ACCESS_KEY): the access key id's secret";
            self.mistake(COS_SECRET_ACCESS_KEY, problem);
        }
        let secret = secret.and_then(|secret| {
            let ruled = ConfigError::of_secret_access_key(&secret);
            self.noted(COS_SECRET_ACCESS_KEY, ruled).map(|()| secret)
        });
        Some(Credentials::Hmac(HmacKey {
            access_key_id: access_key_id?,
            secret_access_key: secret?,
        }))
    }
}

/// The API key of the only Object Storage instance among the services that are bound.
fn key_of_only_instance(services: &str) -> Result<String, &'static str> {
    let services: Value = serde_json::from_str(services).map_err(|_| "is no JSON")?;
    let instances = services["cloud-object-storage"].as_array();
    match instances.map_or(&[][..], Vec::as_slice) {
        [] => Err("has no Object Storage instance: bind one, or set COS_API_KEY"),
        [instance] => {
            let key = instance["credentials"]["apikey"].as_str();
            let key = key.ok_or("has an Object Storage instance without an API key");
            key.map(str::to_owned)
        }
        _ => Err("has several Object Storage instances: set COS_API_KEY"),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::super::Config;
    use super::*;

    const STORE: [(&str, &str); 3] = [
        ("COS_ENDPOINT", "https://store.example"),
        ("COS_REGION", "eu-de"),
        ("COS_BUCKET", "b"),
    ];
    const BOUND: (&str, &str) = ("CLOUD_OBJECT_STORAGE_APIKEY", "canary-bound");

    fn credentials(more: &[(&str, &str)]) -> Result<Credentials, String> {
        let all = [more, &STORE].concat();
        let config = Config::from_lookup(|name| {
            let found = all.iter().find(|(known, _)| *known == name);
            found.map(|(_, value)| (*value).to_owned())
        });
        config
            .map(|config| config.store.credentials)
            .map_err(|mistakes| mistakes.to_string())
    }

    /// The key by which tokens are had.
    fn api_key(more: &[(&str, &str)]) -> Result<String, String> {
        match credentials(more)? {
            Credentials::Iam {
                credential: iam::Credential::ApiKey(key),
                ..
            } => Ok(key),
            other => Err(format!("{other:?}")),
        }
    }

    /// As IBM's documentation shows it.
    fn services(instances: &str) -> String {
        format!(
            r#"{{"appid":[{{"credentials":{{"apikey":"canary-other"}},"name":"App ID-yn"}}],
               "cloud-object-storage":[{instances}]}}"#
        )
    }

    const INSTANCE: &str = r#"{"credentials":{"apikey":"canary-only",
        "resource_instance_id":"crn:v1:..."},"name":"Cloud Object Storage-56"}"#;

    #[test]
    fn what_is_bound_is_used_where_nothing_else_is_set() {
        assert_eq!(api_key(&[BOUND]).unwrap(), "canary-bound");
        let services = services(INSTANCE);
        let all = ("CE_SERVICES", services.as_str());
        assert_eq!(api_key(&[all]).unwrap(), "canary-only");
        assert_eq!(api_key(&[all, BOUND]).unwrap(), "canary-bound");
        let own = ("COS_API_KEY", "canary-own");
        assert_eq!(api_key(&[all, BOUND, own]).unwrap(), "canary-own");
        let signed = [
            ("AWS_ACCESS_KEY_ID", "id"),
            ("COS_SECRET_ACCESS_KEY", "canary"),
            BOUND,
        ];
        assert!(matches!(credentials(&signed), Ok(Credentials::Hmac(_))));
    }

    #[test]
    fn a_binding_that_cannot_be_used_is_told_and_not_shown() {
        let (none, both) = (services(""), services(&[INSTANCE, INSTANCE].join(",")));
        let without = services(r#"{"credentials":{"iam_role_crn":"canary"}}"#);
        let broken = services(r#"{"credentials":{"apikey":"canary bound"}}"#);
        for (wrong, told) in [
            ("{canary", "CE_SERVICES is no JSON"),
            ("[\"canary\"]", "CE_SERVICES has no Object Storage instance"),
            (&none, "CE_SERVICES has no Object Storage instance"),
            (&both, "CE_SERVICES has several Object Storage instances"),
            (
                &without,
                "CE_SERVICES has an Object Storage instance without",
            ),
            (&broken, "CE_SERVICES has an API key with white space"),
        ] {
            let text = credentials(&[("CE_SERVICES", wrong)]).unwrap_err();
            assert!(text.starts_with(told) && !text.contains("canary"), "{text}");
        }
        let spaced = ("CLOUD_OBJECT_STORAGE_APIKEY", "canary bound");
        let text = credentials(&[spaced]).unwrap_err();
        assert!(
            text.starts_with("CLOUD_OBJECT_STORAGE_APIKEY is no API key"),
            "{text}"
        );
        // What is half set is told.
        let half = credentials(&[("COS_SECRET_ACCESS_KEY", "canary"), BOUND]);
        assert!(
            half.unwrap_err()
                .starts_with("COS_ACCESS_KEY_ID is not set")
        );
    }
}
