# Built as production is, with less of everything.

module "onhand" {
  source      = "../../modules/environment"
  environment = "staging"

  range            = "10.20.0.0/16"
  zones            = ["a", "b", "c"]
  nat_in_each_zone = false

  admin_arns    = var.admin_arns
  admin_ranges  = var.admin_ranges
  machine_types = ["t3.large"]
  machines      = { min = 3, max = 5 }

  database_instance   = "db.t4g.medium"
  database_storage_gb = { min = 50, max = 200 }
  database_standby    = false
  database_replica    = true
  max_connections     = 300
  backup_days         = 3

  cache_node_type = "cache.t4g.small"
  cache_nodes     = 2

  rabbitmq_version = "4.2"
  broker_instance  = "mq.m7g.medium"
  broker_cluster   = true
  # RabbitMQ's limit is two fifths of what a node has.
  broker_memory_limit_bytes = 1.2 * pow(1024, 3)

  password_version = var.password_version
  protected        = false
  log_days         = 90
  alarm_emails     = var.alarm_emails
  monthly_dollars  = "1500"
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
