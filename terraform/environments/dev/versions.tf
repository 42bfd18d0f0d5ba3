terraform {
  # Ephemeral passwords, and locks in the bucket itself.
  required_version = ">= 1.11"
  required_providers {
    aws = { source = "hashicorp/aws", version = "5.100.0" }
  }
  # The bucket, its key and its region are the account's: terraform init -backend-config=../../backend.hcl
  backend "s3" {
    key          = "onhand/dev.tfstate"
    encrypt      = true
    use_lockfile = true
  }
}

provider "aws" {
  region = var.region
  default_tags {
    tags = { project = "onhand", environment = "dev" }
  }
}
