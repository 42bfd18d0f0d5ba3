output "host" {
  value = aws_elasticache_replication_group.this.primary_endpoint_address
}

output "password" {
  value     = terraform_data.password.output
  sensitive = true
}

output "node_ids" {
  description = "All nodes, for alarms."
  value       = [for number in range(var.nodes) : format("%s-%03d", var.name, number + 1)]
}
