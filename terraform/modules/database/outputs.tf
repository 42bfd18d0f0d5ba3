output "host" {
  value = aws_db_instance.this.address
}

output "reader_host" {
  description = "The copy's, or the same as host."
  value       = var.replica ? aws_db_instance.reader[0].address : aws_db_instance.this.address
}

output "identifiers" {
  description = "All instances, for alarms."
  value       = concat([aws_db_instance.this.identifier], aws_db_instance.reader[*].identifier)
}
