output "host" {
  value = regex("^amqps://([^:]+):", aws_mq_broker.this.instances[0].endpoints[0])[0]
}

output "password" {
  description = "The administrator's first one."
  value       = terraform_data.password.output
  sensitive   = true
}

output "name" {
  value = aws_mq_broker.this.broker_name
}
