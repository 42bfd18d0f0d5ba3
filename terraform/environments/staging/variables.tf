variable "region" {
  description = "Where it is."
  type        = string
  default     = "eu-central-1"
}

variable "admin_arns" {
  description = "Roles that may do everything in Kubernetes, yours among them: aws iam get-role … --query Role.Arn"
  type        = list(string)
}

variable "admin_ranges" {
  description = "Your addresses, such as [\"198.51.100.7/32\"]. Nobody else may speak to Kubernetes over the Internet."
  type        = list(string)
}

variable "alarm_emails" {
  description = "Who is told of alarms and costs."
  type        = list(string)
}

variable "password_version" {
  description = "One more makes new passwords for the services."
  type        = number
  default     = 1
}
