output "name" {
  value = aws_eks_cluster.this.name
}

output "security_group_id" {
  description = "The security group that machines and pods are in: whom back ends let in."
  value       = aws_eks_cluster.this.vpc_config[0].cluster_security_group_id
}
