# The trusted profile that application and jobs are: no secret, and rights below their prefixes alone.

resource "ibm_iam_trusted_profile" "store" {
  name        = "${var.name}-cos"
  description = "Reads originals and writes thumbnails in ${var.bucket}"
}

resource "ibm_iam_trusted_profile_link" "link" {
  for_each   = merge({ (var.name) = "application" }, { for job in keys(local.jobs) : "${var.name}-${job}" => "job" })
  profile_id = ibm_iam_trusted_profile.store.id
  name       = each.key
  cr_type    = "CE"

  link {
    crn            = ibm_code_engine_project.project.crn
    component_type = each.value
    component_name = each.key
  }
}

resource "ibm_iam_trusted_profile_policy" "rights" {
  for_each = {
    "Content Reader" = [var.source_prefix]
    "Writer"         = [var.output_prefix, var.failure_prefix, var.runs_prefix]
  }
  profile_id = ibm_iam_trusted_profile.store.id
  roles      = [each.key]

  resource_attributes {
    name     = "serviceName"
    operator = "stringEquals"
    value    = "cloud-object-storage"
  }
  resource_attributes {
    name     = "serviceInstance"
    operator = "stringEquals"
    value    = ibm_resource_instance.cos.guid
  }
  resource_attributes {
    name     = "resourceType"
    operator = "stringEquals"
    value    = "bucket"
  }
  resource_attributes {
    name     = "resource"
    operator = "stringEquals"
    value    = ibm_cos_bucket.pictures.bucket_name
  }

  rule_conditions {
    key      = "{{resource.attributes.prefix}}"
    operator = "stringMatchAnyOf"
    value    = [for prefix in each.value : "${prefix}*"]
  }
  rule_conditions {
    key      = "{{resource.attributes.path}}"
    operator = "stringMatchAnyOf"
    value    = [for prefix in each.value : "${prefix}*"]
  }
  rule_operator = "or"
  pattern       = "attribute-based-condition:resource:literal-and-wildcard"
}
