# The same as ../code-engine/up makes, but for the image, which has to be in the registry, and for the audit's schedule and
# the subscription's own resource: the provider has none for subscriptions
# (https://github.com/IBM-Cloud/terraform-provider-ibm/issues/5231), so `ibmcloud` makes it.

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

variable "registry_secret" {
  description = "Secret in the project that the image is pulled with; none for a public image"
  type        = string
  default     = null
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
  description = "Thumbnails go under keys that start so; never below source_prefix"
  type        = string
  default     = "thumbnails/"
}

variable "failure_prefix" {
  description = "Failure records go under keys that start so; never below source_prefix"
  type        = string
  default     = "failures/"
}

provider "ibm" {
  region = var.region
}

locals {
  regions         = [for line in split("\n", file("${path.module}/../code-engine/regions.tsv")) : split("\t", line)[0] if line != "" && !startswith(line, "#")]
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

resource "ibm_code_engine_app" "function" {
  project_id                         = ibm_code_engine_project.project.project_id
  name                               = var.name
  image_reference                    = var.image
  image_secret                       = var.registry_secret
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
  image_secret                       = var.registry_secret
  run_commands                       = ["/backfill"]
  run_arguments                      = each.value.arguments
  run_compute_resource_token_enabled = true
  scale_cpu_limit                    = local.cpu
  scale_memory_limit                 = local.memory
  scale_retry_limit                  = each.value.retries
  scale_max_execution_time           = each.value.seconds

  dynamic "run_env_variables" {
    for_each = local.environment
    content {
      type  = "literal"
      name  = run_env_variables.key
      value = run_env_variables.value
    }
  }
}

# Replaced, and not updated, when one of its values changes.
resource "terraform_data" "subscription" {
  input = {
    project = ibm_code_engine_project.project.project_id
    name    = "${var.name}-writes"
  }
  triggers_replace = [var.bucket, var.source_prefix, ibm_code_engine_app.function.name]
  depends_on       = [ibm_iam_authorization_policy.hear_of_writes]

  provisioner "local-exec" {
    command = "ibmcloud ce project select --id ${self.input.project} && ibmcloud ce sub cos create --name ${self.input.name} --destination-type app --destination ${ibm_code_engine_app.function.name} --bucket ${var.bucket} --event-type write --prefix ${var.source_prefix} --path /events"
  }

  provisioner "local-exec" {
    when    = destroy
    command = "ibmcloud ce project select --id ${self.input.project} && ibmcloud ce sub cos delete --name ${self.input.name} --force --ignore-not-found"
  }
}
