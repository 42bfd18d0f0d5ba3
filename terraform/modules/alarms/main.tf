# What only AWS knows about the back ends, and a limit to what it may cost. What the services know, Prometheus alerts
# of: observability/rules.

resource "aws_sns_topic" "this" {
  name              = "${var.name}-alarms"
  kms_master_key_id = var.key_arn
}

resource "aws_sns_topic_subscription" "email" {
  for_each  = toset(var.emails)
  topic_arn = aws_sns_topic.this.arn
  protocol  = "email"
  endpoint  = each.value
}

locals {
  # Name → what is measured, of what, and when it is too much. Five minutes each time, three times in a row.
  database = merge([for id in var.database_ids : {
    "${id}-cpu"         = { metric = "CPUUtilization", of = id, over = 85 }
    "${id}-storage"     = { metric = "FreeStorageSpace", of = id, under = 5 * pow(1024, 3) }
    "${id}-memory"      = { metric = "FreeableMemory", of = id, under = 128 * pow(1024, 2) }
    "${id}-connections" = { metric = "DatabaseConnections", of = id, over = var.max_connections }
    "${id}-disk-queue"  = { metric = "DiskQueueDepth", of = id, over = 20 }
  }]...)
  # Seconds. stock-checker asks the original meanwhile, which is what the copy is there to spare.
  replica = { for id in slice(var.database_ids, 1, length(var.database_ids)) :
    "${id}-lag" => { metric = "ReplicaLag", of = id, over = 30 }
  }
  cache = merge([for id in var.cache_ids : {
    "${id}-cpu"       = { metric = "EngineCPUUtilization", of = id, over = 85 }
    "${id}-memory"    = { metric = "DatabaseMemoryUsagePercentage", of = id, over = 85 }
    "${id}-evictions" = { metric = "Evictions", of = id, over = 1000 }
  }]...)
  broker = {
    "${var.broker}-cpu"      = { metric = "SystemCpuUtilization", of = var.broker, over = 85 }
    "${var.broker}-messages" = { metric = "MessageCount", of = var.broker, over = 10000 }
    # RabbitMQ stops taking messages at its limits; these tell before.
    "${var.broker}-memory" = { metric = "RabbitMQMemUsed", of = var.broker, over = var.broker_memory_limit_bytes }
    "${var.broker}-disk"   = { metric = "RabbitMQDiskFree", of = var.broker, under = 10 * pow(1024, 3) }
  }
  alarms = merge(
    { for name, alarm in merge(local.database, local.replica) :
    name => merge({ namespace = "AWS/RDS", dimension = "DBInstanceIdentifier", over = null, under = null }, alarm) },
    { for name, alarm in local.cache :
    name => merge({ namespace = "AWS/ElastiCache", dimension = "CacheClusterId", over = null, under = null }, alarm) },
    { for name, alarm in local.broker :
    name => merge({ namespace = "AWS/AmazonMQ", dimension = "Broker", over = null, under = null }, alarm) },
  )
}

resource "aws_cloudwatch_metric_alarm" "this" {
  for_each            = local.alarms
  alarm_name          = each.key
  alarm_description   = "See docs/OPERATIONS.md, Alarms of AWS"
  namespace           = each.value.namespace
  metric_name         = each.value.metric
  dimensions          = { (each.value.dimension) = each.value.of }
  statistic           = "Average"
  comparison_operator = each.value.over == null ? "LessThanThreshold" : "GreaterThanThreshold"
  threshold           = each.value.over == null ? each.value.under : each.value.over
  period              = 300
  evaluation_periods  = 3
  # A back end that says nothing is not well.
  treat_missing_data = "breaching"
  alarm_actions      = [aws_sns_topic.this.arn]
  ok_actions         = [aws_sns_topic.this.arn]
}

resource "aws_budgets_budget" "this" {
  name         = var.name
  budget_type  = "COST"
  limit_amount = var.monthly_dollars
  limit_unit   = "USD"
  time_unit    = "MONTHLY"
  cost_filter {
    name   = "TagKeyValue"
    values = [format("user:environment$%s", var.environment)]
  }
  dynamic "notification" {
    for_each = length(var.emails) > 0 ? { ACTUAL = 80, FORECASTED = 100 } : {}
    content {
      comparison_operator        = "GREATER_THAN"
      notification_type          = notification.key
      threshold                  = notification.value
      threshold_type             = "PERCENTAGE"
      subscriber_email_addresses = var.emails
    }
  }
}
