variable "name" {
  description = "What everything is called, such as onhand-dev."
  type        = string
}

variable "vpc_id" {
  description = "The VPC."
  type        = string
}

variable "subnet_ids" {
  description = "In two zones at least, without a way out."
  type        = list(string)
}

variable "client_security_group_id" {
  description = "Whom it lets in."
  type        = string
}

variable "postgres_version" {
  description = "The major version."
  type        = string
}

variable "instance" {
  description = "The instance class, of the copy as well."
  type        = string
}

variable "storage_gb" {
  description = "How much to begin with, and up to what it grows by itself."
  type        = object({ min = number, max = number })
}

variable "standby" {
  description = "Whether a second one in another zone takes over, within a minute or two, when this one is lost."
  type        = bool
}

variable "replica" {
  description = "Whether there is a copy that stock-checker reads from."
  type        = bool
}

variable "backup_days" {
  description = "Of how many days every moment can be restored. A copy needs one at least."
  type        = number
}

variable "protected" {
  description = "Whether it refuses to be deleted, and leaves a last snapshot if it is."
  type        = bool
}

variable "log_days" {
  description = "How long logs are kept."
  type        = number
}

variable "key_arn" {
  description = "The KMS key of everything at rest."
  type        = string
}

variable "administrator_password" {
  description = "Looked up in the vault, and forgotten."
  type        = string
  sensitive   = true
  ephemeral   = true
}

variable "password_version" {
  description = "Another one makes RDS take the password again."
  type        = number
}
