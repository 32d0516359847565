"""Jobs and job runs, by IBM's own SDK. Its models refuse an answer that lacks what is required."""

import itertools

import pytest
from conftest import refused, until
from ibm_code_engine_sdk.code_engine_v2 import Job, JobRun, JobRunsPager

# A program of the image that does not end by itself, and one that ends at once and well.
SERVE = {"image_reference": "de.icr.io/any/cos-thumbnails:1", "run_commands": ["/function"]}
PLAN = {"job_name": "backfill", "run_arguments": ["plan"]}


@pytest.fixture
def name(numbers=itertools.count()):
    return f"check-{next(numbers)}"


def literal(name, value):
    return {"type": "literal", "name": name, "value": value}


def run(cloud, engine, name, **specification):
    answer = engine.create_job_run(cloud.project, name=name, **specification)
    assert answer.status_code == 202
    return JobRun.from_dict(answer.result)


def now(cloud, engine, name):
    return JobRun.from_dict(engine.get_job_run(cloud.project, name).result)


def ended(cloud, engine, name):
    def end():
        found = now(cloud, engine, name)
        return found if found.status in ("completed", "failed") else None

    return until(end)


def store_settings(cloud):
    ready = cloud.ready
    return [
        literal("COS_ENDPOINT", ready["store"]),
        literal("COS_REGION", ready["region"]),
        literal("COS_BUCKET", ready["bucket"]),
        {"type": "secret_full_reference", "reference": "cos"},
        literal("BIND_ADDRESS", "127.0.0.1"),
        literal("PORT", "0"),
    ]


def test_jobs_are_created_read_listed_and_deleted(cloud, engine, name):
    created = engine.create_job(cloud.project, name=name, scale_array_spec="0-4", run_arguments=["job"], **SERVE)
    assert created.status_code == 201
    job = Job.from_dict(created.result)
    assert (job.name, job.project_id, job.resource_type) == (name, cloud.project, "job_v2")
    defaults = (job.run_mode, job.scale_retry_limit, job.scale_max_execution_time, job.scale_memory_limit)
    assert defaults == ("task", 3, 7200, "4G")
    read = engine.get_job(cloud.project, name)
    assert read.result == created.result and read.headers["ETag"] == job.entity_tag
    assert name in [job["name"] for job in engine.list_jobs(cloud.project).result["jobs"]]
    assert refused(engine.create_job, cloud.project, name=name, **SERVE)[0] == 409
    assert engine.delete_job(cloud.project, name).status_code == 202
    status, message, body = refused(engine.get_job, cloud.project, name)
    assert (status, message) == (404, "Resource not found.")
    assert body["errors"][0]["code"] == "resource_not_found" and body["status_code"] == 404


def test_a_run_inherits_its_job_and_tells_of_every_index(cloud, engine, name):
    begun = run(cloud, engine, name, scale_array_spec="0-2,7", **PLAN)
    assert begun.status == "pending" and begun.status_details.requested == 4
    assert (begun.resource_type, begun.job_name) == ("job_run_v2", "backfill")
    assert begun.run_commands == ["/backfill"] and begun.run_arguments == ["plan"]
    done = ended(cloud, engine, name)
    details = done.status_details
    assert (done.status, details.succeeded, details.failed) == ("completed", 4, 0)
    assert (details.succeeded_indices, details.failed_indices) == ("0-2,7", "")
    assert details.start_time <= details.completion_time
    assert sorted(details.indices_details) == ["0", "1", "2", "7"]
    for index in details.indices_details.values():
        assert (index.status, index.retries) == ("succeeded", 0)
        assert index.started_at <= index.finished_at


def test_a_failed_index_is_tried_again_up_to_the_limit(cloud, engine, name):
    run(cloud, engine, name, job_name="backfill", run_arguments=["--no-such-flag"], scale_retry_limit=2, scale_array_spec="1,3")
    failed = ended(cloud, engine, name)
    assert failed.status == "failed" and failed.status_details.failed_indices == "1,3"
    for index in failed.status_details.indices_details.values():
        assert (index.status, index.retries, index.last_failure_reason) == ("failed", 2, "ContainerExitedCode2")


def test_instances_are_processes_with_what_code_engine_sets_and_nothing_else(cloud, engine, name):
    run(cloud, engine, name, run_env_variables=store_settings(cloud), scale_array_spec="4-5", scale_retry_limit=1, **SERVE)

    def both():
        found = {environment["JOB_INDEX"]: environment for environment in cloud.instances()}
        return found if len(found) == 2 else None

    for index, environment in until(both).items():
        assert index in ("4", "5")
        assert environment["JOB_ARRAY_SIZE"] == "2"
        assert environment["JOB_INDEX_RETRY_COUNT"] == "0" and environment["JOB_RETRY_LIMIT"] == "1"
        assert environment["HOSTNAME"] == f"{name}-{index}-0" and environment["CE_JOBRUN"] == name
        assert environment["CE_PROJECT_ID"] == cloud.project and environment["CE_API_BASE_URL"] == cloud.url
        assert environment["COS_SECRET_ACCESS_KEY"] == cloud.ready["secret_access_key"]
        assert "PATH" not in environment and "IBMCLOUD_API_KEY" not in environment
    assert now(cloud, engine, name).status_details.running_indices == "4-5"
    assert engine.delete_job_run(cloud.project, name).status_code == 202
    assert until(lambda: not cloud.instances())
    assert refused(engine.get_job_run, cloud.project, name)[0] == 404


def test_what_takes_too_long_is_ended(cloud, engine, name):
    run(cloud, engine, name, run_env_variables=store_settings(cloud), scale_max_execution_time=1, **SERVE)
    failed = ended(cloud, engine, name)
    assert failed.status == "failed"
    assert failed.status_details.indices_details["0"].last_failure_reason == "DeadlineExceeded"
    assert until(lambda: not cloud.instances())


def test_the_array_size_can_be_another_than_the_number_of_indices(cloud, engine, name):
    specification = {**SERVE, "run_env_variables": store_settings(cloud)}
    run(cloud, engine, name, scale_array_spec="9", scale_array_size_variable_override=20, **specification)
    [environment] = until(cloud.instances)
    assert (environment["JOB_INDEX"], environment["JOB_ARRAY_SIZE"]) == ("9", "20")
    engine.delete_job_run(cloud.project, name)
    assert until(lambda: not cloud.instances())


def test_runs_are_listed_by_job_and_page_by_page(cloud, engine, name):
    engine.create_job(cloud.project, name=name, run_commands=["/backfill"], image_reference="cos-thumbnails")
    names = sorted(engine.create_job_run(cloud.project, job_name=name).result["name"] for _ in range(5))
    pager = JobRunsPager(client=engine, project_id=cloud.project, job_name=name, limit=2)
    pages = [[found["name"] for found in page] for page in iter(lambda: pager.get_next() if pager.has_next() else [], [])]
    assert [len(page) for page in pages] == [2, 2, 1]
    assert sorted(itertools.chain(*pages)) == names
    for found in names:
        engine.delete_job_run(cloud.project, found)


def test_a_run_without_a_job_needs_an_image_and_a_name(cloud, engine, name):
    assert refused(engine.create_job_run, cloud.project, name=name)[0] == 400
    assert refused(engine.create_job_run, cloud.project, image_reference="cos-thumbnails")[0] == 400
    assert refused(engine.create_job_run, cloud.project, job_name="no-such-job")[0] == 404


@pytest.mark.parametrize(
    "wrong",
    [
        {"scale_array_spec": "0-1000"},
        {"scale_array_spec": "a"},
        {"scale_retry_limit": 6},
        {"scale_max_execution_time": 86401},
        {"run_arguments": ["x" * 11_000]},
        {"run_mode": "daemon"},
        {"run_commands": ["/bin/sh"]},
        {"image_reference": "docker.io/library/busybox"},
        {"image_secret": "registry"},
        {"run_env_variables": [{"type": "secret_full_reference", "reference": "none"}]},
        {"run_env_variables": [{"type": "config_map_full_reference", "reference": "none"}]},
        {"name": "Upper"},
        {"name": "x" * 54},
    ],
)
def test_what_cannot_be_is_refused(cloud, engine, name, wrong):
    specification = {"name": name, "job_name": "backfill", **wrong}
    status, message, _ = refused(engine.create_job_run, cloud.project, **specification)
    assert status == 400 and message
    assert refused(engine.get_job_run, cloud.project, specification["name"])[0] == 404


def test_another_project_is_unknown(cloud, engine):
    assert refused(engine.list_jobs, "00000000-0000-4000-8000-000000000000")[0] == 404
