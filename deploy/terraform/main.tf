# The same as ../code-engine/up makes, but for the image, which has to be in the registry. Subscriptions are in
# subscriptions.tf, the application's rights in profile.tf.

terraform {
  required_version = ">= 1.4"
  required_providers {
    ibm = {
      source  = "IBM-Cloud/ibm"
      version = ">= 2.5.0"
    }
  }
}

variable "region" {
  description = "Region of project and bucket, such as eu-de: one of ../code-engine/regions.tsv"
  type        = string
}

variable "bucket" {
  description = "Bucket of originals and thumbnails, to be made"
  type        = string
}

variable "image" {
  description = "Image of ../Dockerfile, such as de.icr.io/NAMESPACE/cos-thumbnails:1"
  type        = string
}

variable "registry_key" {
  description = "API key of IAM that may read the image's namespace, best of a service ID that may nothing else; none for a public image"
  type        = string
  default     = null
  sensitive   = true
}

variable "name" {
  description = "Name of the application, and how all other names begin"
  type        = string
  default     = "thumbnails"
}

variable "source_prefix" {
  description = "Originals are the keys that start so"
  type        = string
  default     = "images/"
}

variable "output_prefix" {
  description = "Thumbnails go under keys that start so"
  type        = string
  default     = "thumbnails/"
}

variable "failure_prefix" {
  description = "Failure records go under keys that start so"
  type        = string
  default     = "failures/"
}

variable "runs_prefix" {
  description = "Shards and records of a backfill by the job go under keys that start so: RUNS_PREFIX of the one who starts it"
  type        = string
  default     = "backfill-runs/"
}

variable "verify_schedule" {
  description = "When lost events are looked for, and what is missing is made: cron in UTC"
  type        = string
  default     = "17 * * * *"
}

provider "ibm" {
  region = var.region
}

locals {
  regions         = [for line in split("\n", file("${path.module}/../code-engine/regions.tsv")) : split("\t", line)[0] if line != "" && !startswith(line, "#")]
  prefixes        = [var.source_prefix, var.output_prefix, var.failure_prefix, var.runs_prefix]
  cpu             = "1"
  memory          = "4G"
  request_timeout = 120
  environment = {
    COS_ENDPOINT        = "https://s3.direct.${var.region}.cloud-object-storage.appdomain.cloud"
    COS_REGION          = var.region
    COS_BUCKET          = ibm_cos_bucket.pictures.bucket_name
    COS_TRUSTED_PROFILE = ibm_iam_trusted_profile.store.name
    SOURCE_PREFIX       = var.source_prefix
    OUTPUT_PREFIX       = var.output_prefix
    FAILURE_PREFIX      = var.failure_prefix
  }
  jobs = {
    backfill = { arguments = ["--mode=parallel", "--no-journal"], retries = 3, seconds = 7200 }
    verify   = { arguments = ["verify", "--repair", "--quiet", "--accept=pending,failed"], retries = 0, seconds = 3000 }
  }
}

resource "ibm_code_engine_project" "project" {
  name = var.name

  lifecycle {
    precondition {
      condition     = contains(local.regions, var.region)
      error_message = "No region with both Code Engine and regional buckets in ../code-engine/regions.tsv."
    }
    # What the function writes would raise events, and a failure record is no thumbnail.
    precondition {
      condition     = alltrue([for one in local.prefixes : length([for other in local.prefixes : other if startswith(other, one)]) == 1])
      error_message = "Two of source_prefix, output_prefix, failure_prefix and runs_prefix overlap: none may begin with another."
    }
  }
}

resource "ibm_resource_instance" "cos" {
  name     = "${var.name}-cos"
  service  = "cloud-object-storage"
  plan     = "standard"
  location = "global"
}

# Regional, in the project's region: others raise no events. What is in it is never removed.
resource "ibm_cos_bucket" "pictures" {
  bucket_name          = var.bucket
  resource_instance_id = ibm_resource_instance.cos.id
  region_location      = var.region
  storage_class        = "standard"
  force_delete         = false
}

resource "ibm_iam_authorization_policy" "hear_of_writes" {
  source_service_name         = "codeengine"
  source_resource_instance_id = ibm_code_engine_project.project.project_id
  target_service_name         = "cloud-object-storage"
  target_resource_instance_id = ibm_resource_instance.cos.guid
  roles                       = ["Notifications Manager"]
}

# What the image is pulled with.
resource "ibm_code_engine_secret" "registry" {
  count      = var.registry_key == null ? 0 : 1
  project_id = ibm_code_engine_project.project.project_id
  name       = "${var.name}-registry"
  format     = "registry"

  data = {
    server   = split("/", var.image)[0]
    username = "iamapikey"
    password = var.registry_key
    email    = ""
  }
}

# It asks the store before it says that it is ready, and so does nothing before it may.
resource "ibm_code_engine_app" "function" {
  project_id                         = ibm_code_engine_project.project.project_id
  name                               = var.name
  image_reference                    = var.image
  image_secret                       = one(ibm_code_engine_secret.registry[*].name)
  image_port                         = 8080
  managed_domain_mappings            = "local"
  run_compute_resource_token_enabled = true
  scale_cpu_limit                    = local.cpu
  scale_memory_limit                 = local.memory
  scale_concurrency                  = 2
  scale_min_instances                = 0
  scale_max_instances                = 10
  scale_request_timeout              = local.request_timeout

  dynamic "run_env_variables" {
    for_each = merge(local.environment, { DEADLINE_SECONDS = tostring(local.request_timeout * 8 / 10) })
    content {
      type  = "literal"
      name  = run_env_variables.key
      value = run_env_variables.value
    }
  }

  depends_on = [ibm_iam_trusted_profile_link.link, ibm_iam_trusted_profile_policy.rights]

  probe_readiness {
    type              = "http"
    path              = "/readyz"
    port              = 8080
    timeout           = 5
    failure_threshold = 3
  }

  probe_liveness {
    type              = "http"
    path              = "/healthz"
    port              = 8080
    interval          = 30
    timeout           = 10
    failure_threshold = 3
  }
}

resource "ibm_code_engine_job" "job" {
  for_each                           = local.jobs
  project_id                         = ibm_code_engine_project.project.project_id
  name                               = "${var.name}-${each.key}"
  image_reference                    = var.image
  image_secret                       = one(ibm_code_engine_secret.registry[*].name)
  run_commands                       = ["/backfill"]
  run_arguments                      = each.value.arguments
  run_compute_resource_token_enabled = true
  scale_cpu_limit                    = local.cpu
  scale_memory_limit                 = local.memory
  scale_retry_limit                  = each.value.retries
  scale_max_execution_time           = each.value.seconds

  depends_on = [ibm_iam_trusted_profile_link.link, ibm_iam_trusted_profile_policy.rights]

  dynamic "run_env_variables" {
    for_each = local.environment
    content {
      type  = "literal"
      name  = run_env_variables.key
      value = run_env_variables.value
    }
  }
}
