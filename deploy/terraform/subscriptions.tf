# The provider has no resource for subscriptions (https://github.com/IBM-Cloud/terraform-provider-ibm/issues/5231), so `ibmcloud`,
# logged in to the same account, makes them: replaced, and not updated, when one of their values changes. One after the other, for
# what `ibmcloud` targets is one for all; and what a shell must not read goes by the environment.

locals {
  # What a subscription is found by again, when it is to go.
  where = {
    REGION  = var.region
    PROJECT = ibm_code_engine_project.project.project_id
  }
}

resource "terraform_data" "subscription" {
  input            = merge(local.where, { NAME = "${var.name}-writes" })
  triggers_replace = [local.where, var.name, var.bucket, var.source_prefix, ibm_code_engine_app.function.name]
  depends_on       = [ibm_iam_authorization_policy.hear_of_writes]

  provisioner "local-exec" {
    command     = "ibmcloud target -r \"$REGION\" && ibmcloud ce project select --id \"$PROJECT\" && ibmcloud ce sub cos create --name \"$NAME\" --destination-type app --destination \"$APP\" --bucket \"$BUCKET\" --event-type write --prefix \"$PREFIX\" --path /events"
    environment = merge(self.input, { APP = ibm_code_engine_app.function.name, BUCKET = ibm_cos_bucket.pictures.bucket_name, PREFIX = var.source_prefix })
  }

  provisioner "local-exec" {
    when        = destroy
    command     = "ibmcloud target -r \"$REGION\" && ibmcloud ce project select --id \"$PROJECT\" && ibmcloud ce sub cos delete --name \"$NAME\" --force --ignore-not-found"
    environment = self.input
  }
}

resource "terraform_data" "audit" {
  input            = merge(local.where, { NAME = "${var.name}-verify" })
  triggers_replace = [local.where, var.verify_schedule, ibm_code_engine_job.job["verify"].name]
  depends_on       = [terraform_data.subscription]

  provisioner "local-exec" {
    command     = "ibmcloud target -r \"$REGION\" && ibmcloud ce project select --id \"$PROJECT\" && ibmcloud ce sub cron create --name \"$NAME\" --destination-type job --destination \"$NAME\" --schedule \"$SCHEDULE\""
    environment = merge(self.input, { SCHEDULE = var.verify_schedule })
  }

  provisioner "local-exec" {
    when        = destroy
    command     = "ibmcloud target -r \"$REGION\" && ibmcloud ce project select --id \"$PROJECT\" && ibmcloud ce sub cron delete --name \"$NAME\" --force --ignore-not-found"
    environment = self.input
  }
}
