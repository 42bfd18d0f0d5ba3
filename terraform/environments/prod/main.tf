# Every part survives the loss of a zone.

module "onhand" {
  source      = "../../modules/environment"
  environment = "prod"

  range            = "10.30.0.0/16"
  zones            = ["a", "b", "c"]
  nat_in_each_zone = true

  admin_arns    = var.admin_arns
  admin_ranges  = var.admin_ranges
  machine_types = ["m6i.large"]
  machines      = { min = 3, max = 12 }

  database_instance   = "db.m7g.large"
  database_storage_gb = { min = 100, max = 1000 }
  database_standby    = true
  database_replica    = true
  max_connections     = 600
  backup_days         = 14

  cache_node_type = "cache.t4g.medium"
  cache_nodes     = 2

  rabbitmq_version = "4.2"
  broker_instance  = "mq.m7g.large"
  broker_cluster   = true
  # RabbitMQ's limit is two fifths of what a node has.
  broker_memory_limit_bytes = 2.5 * pow(1024, 3)

  password_version = var.password_version
  protected        = true
  log_days         = 365
  alarm_emails     = var.alarm_emails
  monthly_dollars  = "2500"
}

output "cluster" {
  value = module.onhand.cluster
}

output "topic" {
  value = module.onhand.topic
}

output "environment" {
  value = module.onhand.environment
}
