# One environment: everything that the overlay of the same name in k8s/overlays runs on. Environments differ in their
# variables alone.

data "aws_caller_identity" "this" {}

data "aws_region" "this" {}

locals {
  name    = "onhand-${var.environment}"
  account = data.aws_caller_identity.this.account_id
  region  = data.aws_region.this.name
}

module "network" {
  source           = "../network"
  name             = local.name
  region           = local.region
  range            = var.range
  zones            = var.zones
  nat_in_each_zone = var.nat_in_each_zone
  log_days         = var.log_days
  key_arn          = aws_kms_key.this.arn
}

module "cluster" {
  source             = "../cluster"
  name               = local.name
  region             = local.region
  account            = local.account
  kubernetes_version = var.kubernetes_version
  subnet_ids         = module.network.private_subnet_ids
  admin_arns         = var.admin_arns
  admin_ranges       = var.admin_ranges
  machine_types      = var.machine_types
  machines           = var.machines
  secret_arns        = ["arn:aws:secretsmanager:${local.region}:${local.account}:secret:onhand/${var.environment}/*"]
  key_arn            = aws_kms_key.this.arn
  log_days           = var.log_days
}

module "database" {
  source                   = "../database"
  name                     = local.name
  vpc_id                   = module.network.vpc_id
  subnet_ids               = module.network.data_subnet_ids
  client_security_group_id = module.cluster.security_group_id
  postgres_version         = var.postgres_version
  instance                 = var.database_instance
  storage_gb               = var.database_storage_gb
  standby                  = var.database_standby
  replica                  = var.database_replica
  backup_days              = var.backup_days
  protected                = var.protected
  administrator_password   = jsondecode(ephemeral.aws_secretsmanager_secret_version.administrator.secret_string).password
  password_version         = var.password_version
  log_days                 = var.log_days
  key_arn                  = aws_kms_key.this.arn
}

module "cache" {
  source                   = "../cache"
  name                     = local.name
  vpc_id                   = module.network.vpc_id
  subnet_ids               = module.network.data_subnet_ids
  client_security_group_id = module.cluster.security_group_id
  node_type                = var.cache_node_type
  nodes                    = var.cache_nodes
  key_arn                  = aws_kms_key.this.arn
}

module "broker" {
  source                   = "../broker"
  name                     = local.name
  vpc_id                   = module.network.vpc_id
  subnet_ids               = module.network.data_subnet_ids
  client_security_group_id = module.cluster.security_group_id
  rabbitmq_version         = var.rabbitmq_version
  instance                 = var.broker_instance
  cluster                  = var.broker_cluster
}

module "alarms" {
  source                    = "../alarms"
  name                      = local.name
  environment               = var.environment
  emails                    = var.alarm_emails
  database_ids              = module.database.identifiers
  max_connections           = var.max_connections
  cache_ids                 = module.cache.node_ids
  broker                    = module.broker.name
  broker_memory_limit_bytes = var.broker_memory_limit_bytes
  monthly_dollars           = var.monthly_dollars
  key_arn                   = aws_kms_key.this.arn
}
