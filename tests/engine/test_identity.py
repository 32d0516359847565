"""Tokens, asked for by IBM's own authenticators."""

import base64
import json
import urllib.request

import pytest
from conftest import Cloud, refused
from ibm_cloud_sdk_core.authenticators import BearerTokenAuthenticator, ContainerAuthenticator


def token(authenticator):
    return authenticator.token_manager.get_token()


def test_an_api_key_has_a_token_that_the_engine_takes(cloud):
    manager = cloud.iam().token_manager
    claims = json.loads(base64.urlsafe_b64decode(manager.get_token().split(".")[1] + "=="))
    assert claims["exp"] - claims["iat"] == 3600
    assert manager.refresh_token == "not_supported"
    assert cloud.engine(BearerTokenAuthenticator(manager.get_token())).list_jobs(cloud.project).status_code == 200


def test_the_sdk_keeps_a_token_and_asks_anew_when_it_is_expired(cloud):
    manager = cloud.iam().token_manager
    first = manager.get_token()
    assert manager.get_token() == first
    now = manager._get_current_time()
    manager._get_current_time = lambda: now + 3600
    assert manager.get_token() != first


def test_an_unknown_api_key_is_refused_in_iams_shape(cloud):
    status, message, body = refused(token, cloud.iam("other"))
    assert (status, message) == (400, "Provided API key could not be found.")
    assert body["errorCode"] == "BXNIM0415E" and body["context"]["requestId"]


@pytest.mark.parametrize("profile", [{"iam_profile_name": "local-cloud"}, {"iam_profile_id": "Profile-local-cloud"}])
def test_a_compute_resource_has_a_token_by_its_trusted_profile(cloud, profile):
    file = cloud.ready["compute_resource_token_file"]
    authenticator = ContainerAuthenticator(cr_token_filename=file, url=cloud.url, **profile)
    assert cloud.engine(authenticator).list_jobs(cloud.project).status_code == 200


def test_another_compute_resource_or_profile_is_refused(cloud, tmp_path):
    other = tmp_path / "token"
    other.write_text("made up")
    file = cloud.ready["compute_resource_token_file"]
    for wrong in [
        {"cr_token_filename": str(other), "iam_profile_name": "local-cloud"},
        {"cr_token_filename": file, "iam_profile_name": "other"},
    ]:
        assert refused(token, ContainerAuthenticator(url=cloud.url, **wrong))[0] == 400


def test_what_is_no_token_is_refused_by_the_engine(cloud):
    for wrong in ["made.up.token", "x"]:
        status, _, body = refused(cloud.engine(BearerTokenAuthenticator(wrong)).list_jobs, cloud.project)
        assert status == 401
        assert body["status_code"] == 401 and body["errors"][0]["code"] == "unauthorized"
        assert body["trace"].startswith("codeengine-api-")


def test_an_expired_token_is_refused_by_the_engine():
    cloud = Cloud("--token-seconds", "0")
    try:
        assert refused(cloud.engine().list_jobs, cloud.project)[0] == 401
    finally:
        cloud.stop()


def delete(cloud, path, bearer):
    request = urllib.request.Request(cloud.url + path, method="DELETE", headers={"Authorization": f"Bearer {bearer}"})
    with urllib.request.urlopen(request, timeout=30) as answer:
        return answer.status


def test_a_revoked_token_and_a_deleted_key_are_refused():
    cloud = Cloud()
    try:
        bearer = token(cloud.iam())
        engine = cloud.engine(BearerTokenAuthenticator(bearer))
        assert delete(cloud, "/v1/apikeys/ApiKey-local-cloud", bearer) == 204
        assert refused(token, cloud.iam())[0] == 400
        assert engine.list_jobs(cloud.project).status_code == 200, "it lives on to its end"
        assert delete(cloud, "/stand-in/tokens", bearer) == 204
        assert refused(engine.list_jobs, cloud.project)[0] == 401
    finally:
        cloud.stop()
