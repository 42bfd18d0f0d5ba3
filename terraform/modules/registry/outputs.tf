output "arns" {
  value = [for repository in aws_ecr_repository.this : repository.arn]
}

output "host" {
  description = "What comes before an image's name."
  value       = split("/", values(aws_ecr_repository.this)[0].repository_url)[0]
}
