variable "name" {
  description = "What everything is called, such as onhand-dev."
  type        = string
}

variable "region" {
  description = "Where it is."
  type        = string
}

variable "account" {
  description = "The account's number."
  type        = string
}

variable "kubernetes_version" {
  description = "1.30 at least. EKS moves one minor version at a time."
  type        = string
}

variable "subnet_ids" {
  description = "Where machines and the control plane's addresses are: private ones."
  type        = list(string)
}

variable "admin_arns" {
  description = "Roles that may do everything in Kubernetes. Of IAM Identity Center, for example."
  type        = list(string)
}

variable "admin_ranges" {
  description = "From where Kubernetes may be spoken to over the Internet. None: only from within the VPC."
  type        = list(string)
}

variable "machine_types" {
  description = "Instance types, all of the same size and x86, as the images are."
  type        = list(string)
}

variable "machines" {
  description = "How many machines there are at least and at most."
  type        = object({ min = number, max = number })
}

variable "secret_arns" {
  description = "What the External Secrets operator may read."
  type        = list(string)
}

variable "key_arn" {
  description = "The KMS key of Kubernetes' own secrets, of logs, and of what is in Secrets Manager."
  type        = string
}

variable "log_days" {
  description = "How long the control plane's logs are kept."
  type        = number
}
