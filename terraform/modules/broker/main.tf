# Amazon MQ for RabbitMQ. One node, or a cluster of three, over which quorum queues are spread.

resource "aws_security_group" "this" {
  name_prefix = "${var.name}-broker-"
  description = "RabbitMQ, for the cluster's pods"
  vpc_id      = var.vpc_id
  lifecycle { create_before_destroy = true }
}

# AMQP over TLS, and the management interface, which the Job `broker` makes the services' user with.
resource "aws_vpc_security_group_ingress_rule" "pods" {
  for_each                     = { amqps = 5671, management = 443 }
  security_group_id            = aws_security_group.this.id
  description                  = each.key
  referenced_security_group_id = var.client_security_group_id
  ip_protocol                  = "tcp"
  from_port                    = each.value
  to_port                      = each.value
}

# The administrator's first password. AWS takes it when it makes the broker, and knows no way to change it afterwards:
# RabbitMQ itself does, see docs/OPERATIONS.md. So it is made once, and what is changed later is not undone from here.
data "aws_secretsmanager_random_password" "new" {
  password_length     = 48
  exclude_punctuation = true
}

resource "terraform_data" "password" {
  input = data.aws_secretsmanager_random_password.new.random_password
  lifecycle { ignore_changes = [input] }
}

resource "aws_mq_broker" "this" {
  #checkov:skip=CKV_AWS_48:audit logs are of ActiveMQ alone, and RabbitMQ has the general one
  #checkov:skip=CKV_AWS_209:for RabbitMQ there is no key but the one that AWS owns
  broker_name        = var.name
  engine_type        = "RabbitMQ"
  engine_version     = var.rabbitmq_version
  host_instance_type = var.instance
  deployment_mode    = var.cluster ? "CLUSTER_MULTI_AZ" : "SINGLE_INSTANCE"

  subnet_ids          = var.cluster ? var.subnet_ids : [var.subnet_ids[0]]
  security_groups     = [aws_security_group.this.id]
  publicly_accessible = false

  user {
    username = "administrator"
    password = terraform_data.password.output
  }
  logs { general = true }

  auto_minor_version_upgrade = true
  maintenance_window_start_time {
    day_of_week = "MONDAY"
    time_of_day = "02:30"
    time_zone   = "UTC"
  }

  lifecycle { ignore_changes = [user] }
}
