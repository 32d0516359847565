use std::path::PathBuf;

use super::{
    COS_ACCESS_KEY_ID, COS_API_KEY, COS_ENDPOINT, COS_SECRET_ACCESS_KEY, COS_TRUSTED_PROFILE,
    IAM_CR_TOKEN_FILE, Reader, Variable,
};
use crate::storage::{ConfigError, Credentials, HmacKey, iam};

impl<L: Fn(&str) -> Option<String>> Reader<L> {
    /// What requests to the store are authorised by: exactly one of three.
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
