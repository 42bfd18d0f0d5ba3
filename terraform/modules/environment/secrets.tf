# What the services are told, in Secrets Manager. k8s/components/aws/secrets.yaml puts it into the cluster.
#
# Passwords of the services are made here and written there, and are in no state and in no plan: Terraform forgets what
# is ephemeral, and only a new var.password_version makes it write again.

locals {
  # Each secret, and what it says beside the password.
  roles = {
    database-stock     = { username = "onhand_stock", host = module.database.host }
    database-checker   = { username = "onhand_checker", host = module.database.host, reader_host = module.database.reader_host }
    database-suppliers = { username = "onhand_suppliers", host = module.database.host }
    broker             = { username = "onhand", host = module.broker.host }
  }
}

resource "aws_secretsmanager_secret" "this" {
  #checkov:skip=CKV2_AWS_57:a password has to change in the back end too, at the same time: see docs/OPERATIONS.md
  for_each = toset([
    "broker", "broker-administrator", "cache", "database-administrator", "database-checker", "database-stock",
    "database-suppliers", "sealing",
  ])
  name        = "onhand/${var.environment}/${each.value}"
  description = "See terraform/modules/environment/secrets.tf"
  kms_key_id  = aws_kms_key.this.arn
  # What is not protected can be destroyed and made again under its name at once.
  recovery_window_in_days = var.protected ? 30 : 0
}

ephemeral "aws_secretsmanager_random_password" "role" {
  for_each = local.roles
  # They become part of a URL.
  password_length     = 40
  exclude_punctuation = true
}

resource "aws_secretsmanager_secret_version" "role" {
  for_each  = local.roles
  secret_id = aws_secretsmanager_secret.this[each.key].id
  secret_string_wo = jsonencode(merge(each.value, {
    password = ephemeral.aws_secretsmanager_random_password.role[each.key].random_password
  }))
  secret_string_wo_version = var.password_version
}

# The database's administrator, who is the Job `databases`. By itself, since RDS has to be told it.
ephemeral "aws_secretsmanager_random_password" "administrator" {
  password_length     = 40
  exclude_punctuation = true
}

resource "aws_secretsmanager_secret_version" "administrator" {
  secret_id = aws_secretsmanager_secret.this["database-administrator"].id
  secret_string_wo = jsonencode({
    username = "administrator"
    password = ephemeral.aws_secretsmanager_random_password.administrator.random_password
  })
  secret_string_wo_version = var.password_version
}

# What was kept is what RDS is told, also when an apply was cut off between the two.
ephemeral "aws_secretsmanager_secret_version" "administrator" {
  secret_id  = aws_secretsmanager_secret_version.administrator.secret_id
  version_id = aws_secretsmanager_secret_version.administrator.version_id
}

# 64 hex digits, made once. To change it is more than to write another: docs/OPERATIONS.md.
ephemeral "aws_secretsmanager_random_password" "sealing" {
  password_length     = 64
  exclude_punctuation = true
  exclude_uppercase   = true
  exclude_characters  = "ghijklmnopqrstuvwxyz"
}

resource "aws_secretsmanager_secret_version" "sealing" {
  secret_id = aws_secretsmanager_secret.this["sealing"].id
  secret_string_wo = jsonencode({
    secret_key          = ephemeral.aws_secretsmanager_random_password.sealing.random_password
    previous_secret_key = ""
  })
  secret_string_wo_version = 1
}

resource "aws_secretsmanager_secret_version" "cache" {
  secret_id     = aws_secretsmanager_secret.this["cache"].id
  secret_string = jsonencode({ host = module.cache.host, password = module.cache.password })
}

resource "aws_secretsmanager_secret_version" "broker_administrator" {
  secret_id = aws_secretsmanager_secret.this["broker-administrator"].id
  secret_string = jsonencode({
    username      = "administrator"
    password      = module.broker.password
    next_password = ""
  })
  # Changed by hand, in RabbitMQ and here.
  lifecycle { ignore_changes = [secret_string] }
}
