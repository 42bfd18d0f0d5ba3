//! What clients were promised: names, numbers and types of every field. Lines are only ever added here.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on should say so and stop")]

use prost::Message;
use prost_types::field_descriptor_proto::{Label, Type};
use prost_types::{FieldDescriptorProto, FileDescriptorProto, FileDescriptorSet};

/// Message: field, type and number. `S`, `I`, `B` and `T` are StringValue, Int32Value, BoolValue and Timestamp, `?` is
/// one of a oneof.
const INVENTORY: &str = "
CreateInventoryItemRequest: product_id string 1, variant_id S 2, sku string 3, initial_quantity int32 4, reorder_point int32 5, reorder_quantity int32 6, warehouse_allocations []WarehouseAllocation 7
GetInventoryItemRequest: id string? 1, product_id string? 2, sku string? 3
UpdateInventoryItemRequest: id string 1, reorder_point I 2, reorder_quantity I 3, status S 4
ListInventoryItemsRequest: page int32 1, limit int32 2, status S 3, warehouse_id S 4, low_stock_only bool 5
CreateWarehouseRequest: name string 1, code string 2, address string 3, city string 4, state string 5, country string 6, postal_code string 7, priority int32 8
GetWarehouseRequest: id string? 1, code string? 2
UpdateWarehouseRequest: id string 1, name S 2, address S 3, city S 4, state S 5, country S 6, postal_code S 7, priority I 8, is_active B 9
ListWarehousesRequest: page int32 1, limit int32 2, is_active B 3
AddInventoryToLocationRequest: inventory_item_id string 1, warehouse_id string 2, quantity int32 3, reference_id string 4, reference_type string 5, notes string 6
RemoveInventoryFromLocationRequest: inventory_item_id string 1, warehouse_id string 2, quantity int32 3, reference_id string 4, reference_type string 5, notes string 6
GetInventoryByLocationRequest: warehouse_id string 1, page int32 2, limit int32 3
ReserveInventoryRequest: items []ReservationItem 1, reference_id string 2, reference_type string 3, reservation_minutes int32 4
ConfirmReservationRequest: reservation_id string 1
CancelReservationRequest: reservation_id string 1
CheckInventoryAvailabilityRequest: items []AvailabilityCheckItem 1
BulkUpdateInventoryRequest: items []BulkUpdateItem 1
InventoryItemResponse: inventory_item InventoryItem 1
ListInventoryItemsResponse: inventory_items []InventoryItem 1, total int32 2
WarehouseResponse: warehouse Warehouse 1
ListWarehousesResponse: warehouses []Warehouse 1, total int32 2
InventoryLocationResponse: inventory_location InventoryLocation 1
ListInventoryLocationsResponse: inventory_locations []InventoryLocation 1, total int32 2
ReservationResponse: reservation InventoryReservation 1, success bool 2, message string 3
InventoryAvailabilityResponse: items []ItemAvailability 1, all_available bool 2
BulkUpdateInventoryResponse: results []BulkUpdateResult 1, success_count int32 2, failure_count int32 3
InventoryItem: id string 1, product_id string 2, variant_id S 3, sku string 4, total_quantity int32 5, available_quantity int32 6, reserved_quantity int32 7, reorder_point int32 8, reorder_quantity int32 9, status string 10, last_updated T 11, created_at T 12, updated_at T 13, locations []InventoryLocation 14
Warehouse: id string 1, name string 2, code string 3, address string 4, city string 5, state string 6, country string 7, postal_code string 8, is_active bool 9, priority int32 10, created_at T 11, updated_at T 12
InventoryLocation: id string 1, inventory_item_id string 2, warehouse_id string 3, quantity int32 4, available_quantity int32 5, reserved_quantity int32 6, created_at T 7, updated_at T 8, warehouse Warehouse 9
InventoryTransaction: id string 1, inventory_item_id string 2, warehouse_id S 3, transaction_type string 4, quantity int32 5, reference_id S 6, reference_type S 7, notes S 8, created_by S 9, created_at T 10
InventoryReservation: id string 1, inventory_item_id string 2, warehouse_id S 3, quantity int32 4, status string 5, expiration_time T 6, reference_id S 7, reference_type string 8, created_at T 9, updated_at T 10
WarehouseAllocation: warehouse_id string 1, quantity int32 2
ReservationItem: inventory_item_id string 1, quantity int32 2, warehouse_id S 3
AvailabilityCheckItem: product_id string 1, variant_id S 2, sku string 3, quantity int32 4
ItemAvailability: product_id string 1, variant_id S 2, sku string 3, requested_quantity int32 4, available_quantity int32 5, is_available bool 6, status string 7
BulkUpdateItem: sku string 1, quantity_delta int32 2, warehouse_id string 3, reference_id string 4, reference_type string 5, notes string 6
BulkUpdateResult: sku string 1, success bool 2, message string 3, updated_item InventoryItem 4
";

const INVENTORY_METHODS: [&str; 16] = [
    "CreateInventoryItem -> InventoryItemResponse",
    "GetInventoryItem -> InventoryItemResponse",
    "UpdateInventoryItem -> InventoryItemResponse",
    "ListInventoryItems -> ListInventoryItemsResponse",
    "CreateWarehouse -> WarehouseResponse",
    "GetWarehouse -> WarehouseResponse",
    "UpdateWarehouse -> WarehouseResponse",
    "ListWarehouses -> ListWarehousesResponse",
    "AddInventoryToLocation -> InventoryLocationResponse",
    "RemoveInventoryFromLocation -> InventoryLocationResponse",
    "GetInventoryByLocation -> ListInventoryLocationsResponse",
    "ReserveInventory -> ReservationResponse",
    "ConfirmReservation -> ReservationResponse",
    "CancelReservation -> ReservationResponse",
    "CheckInventoryAvailability -> InventoryAvailabilityResponse",
    "BulkUpdateInventory -> BulkUpdateInventoryResponse",
];

const GET: &str = "
InventoryRequest: id string 1
InventoryResponse: count string 1
";

const FEED: &str = "
WatchRequest: sku string 1, owner string 2, after string 3
WatchResponse: position string 1, stock_updated StockUpdated 2
StockUpdated: item_id string 1, product_id string 2, variant_id string? 3, sku string 4, owner string 5, supplier_id string? 6, version int64 7, active bool 8, reorder_point int64 9, reorder_quantity int64 10, on_hand int64 11, available int64 12, reserved int64 13, incoming int64 14, in_transit int64 15, levels []LocationLevel 16, previous_stock int64 17, new_stock int64 18, change_amount int64 19, reason string 20, timestamp T 21, command_id string 22
LocationLevel: location_id string 1, location string 2, on_hand int64 3, available int64 4, reserved int64 5, damaged int64 6, quality_control int64 7, incoming int64 8, in_transit int64 9
";

#[test]
fn the_feed_is_as_promised() {
    let file = file(proto::feed::DESCRIPTORS, "feed.proto");
    assert_eq!((file.package(), file.syntax()), ("onhand.v1", "proto3"));
    promised(&file, FEED);
    methods(&file, "StockFeed", &["Watch -> WatchResponse"]);
    assert!(file.service[0].method[0].server_streaming());
}

#[test]
fn the_inventory_service_is_as_promised() {
    let file = file(proto::inventory::DESCRIPTORS, "inventory.proto");
    assert_eq!((file.package(), file.syntax()), ("inventory", "proto3"));
    promised(&file, INVENTORY);
    methods(&file, "InventoryService", &INVENTORY_METHODS);
    for method in &file.service[0].method {
        let request = format!(".inventory.{}Request", method.name());
        assert_eq!(method.input_type(), request, "each method has a request of its own");
    }
}

#[test]
fn the_bare_service_is_as_promised() {
    let file = file(proto::get::DESCRIPTORS, "get.proto");
    assert_eq!((file.package(), file.syntax()), ("", "proto3"));
    promised(&file, GET);
    methods(&file, "Inventory", &["Get -> InventoryResponse"]);
}

fn file(descriptors: &[u8], name: &str) -> FileDescriptorProto {
    let set = FileDescriptorSet::decode(descriptors).unwrap();
    set.file.into_iter().find(|file| file.name() == name).unwrap()
}

fn promised(file: &FileDescriptorProto, promised: &str) {
    let mut are: Vec<String> = file
        .message_type
        .iter()
        .map(|message| {
            let fields: Vec<String> = message.field.iter().map(field).collect();
            format!("{}: {}", message.name(), fields.join(", "))
        })
        .collect();
    let mut should: Vec<&str> = promised.lines().filter(|line| !line.is_empty()).collect();
    are.sort_unstable();
    should.sort_unstable();
    assert_eq!(are, should);
}

fn field(field: &FieldDescriptorProto) -> String {
    let kind = match field.r#type() {
        Type::String => "string",
        Type::Int32 => "int32",
        Type::Int64 => "int64",
        Type::Bool => "bool",
        Type::Message => match field.type_name() {
            ".google.protobuf.StringValue" => "S",
            ".google.protobuf.Int32Value" => "I",
            ".google.protobuf.BoolValue" => "B",
            ".google.protobuf.Timestamp" => "T",
            ours => ours.rsplit('.').next().unwrap(),
        },
        other => other.as_str_name(),
    };
    let before = if field.label() == Label::Repeated { "[]" } else { "" };
    let after = if field.oneof_index.is_some() { "?" } else { "" };
    format!("{} {before}{kind}{after} {}", field.name(), field.number())
}

fn methods(file: &FileDescriptorProto, service: &str, promised: &[&str]) {
    let [only] = file.service.as_slice() else { panic!("one service a file") };
    assert_eq!(only.name(), service);
    let answer = |full: &str| full.rsplit('.').next().unwrap().to_owned();
    let are: Vec<String> = only
        .method
        .iter()
        .map(|method| format!("{} -> {}", method.name(), answer(method.output_type())))
        .collect();
    assert_eq!(are, promised);
}
