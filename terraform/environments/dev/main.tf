# Small, and gone with one command: for trying out what goes to staging next.

module "onhand" {
  source      = "../../modules/environment"
  environment = "dev"

  range            = "10.10.0.0/16"
  zones            = ["a", "b"]
  nat_in_each_zone = false

  admin_arns    = var.admin_arns
  admin_ranges  = var.admin_ranges
  machine_types = ["t3.medium"]
  machines      = { min = 2, max = 3 }

  database_instance   = "db.t4g.small"
  database_storage_gb = { min = 20, max = 50 }
  database_standby    = false
  database_replica    = false
  max_connections     = 150
  backup_days         = 1

  cache_node_type = "cache.t4g.micro"
  cache_nodes     = 1

  # The cheapest that there is; 4.x is not to be had so small.
  rabbitmq_version = "3.13"
  broker_instance  = "mq.t3.micro"
  broker_cluster   = false
  # RabbitMQ's limit is two fifths of what a node has.
  broker_memory_limit_bytes = 300 * pow(1024, 2)

  password_version = var.password_version
  protected        = false
  log_days         = 30
  alarm_emails     = var.alarm_emails
  monthly_dollars  = "400"
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
