-- Run by the PostgreSQL image on an empty volume: a database for each service that owns one.
CREATE DATABASE onhand_stock;
CREATE DATABASE onhand_suppliers;
