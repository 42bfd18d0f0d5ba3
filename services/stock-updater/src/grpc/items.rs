//! Items: create one with its first units, find, change and list them.

use domain::{
    Attributes, Command, Identity, ItemId, ItemPatch, LocationId, NewItem, Quantity, Refusal, Shelf, Sku,
};
use ledger::{Called, KeptFilter, Request, Standing};
use platform::auth::Caller;
use proto::inventory::get_inventory_item_request::Identifier;
use proto::inventory::{
    CreateInventoryItemRequest, GetInventoryItemRequest, InventoryItemResponse, ListInventoryItemsRequest,
    ListInventoryItemsResponse, UpdateInventoryItemRequest,
};
use tonic::Status;

use super::messages::int32;
use super::{Answered, answered, fields, messages, request};
use crate::App;
use crate::error::Error;
use crate::http::Asked;
use crate::http::items::{new_id, owner};

/// Units of a new item, and where they go; none is the first location.
type FirstUnits = Vec<(Option<LocationId>, Quantity)>;

pub(super) async fn create(
    app: &App,
    asked: &Asked,
    body: CreateInventoryItemRequest,
) -> Answered<InventoryItemResponse> {
    let units = first_units(&body)?;
    let new = new_item(app, asked, body)?;
    let item = new.identity.id;
    let receipts = units.into_iter().map(|(location, quantity)| {
        let (expected, into) = (false, Shelf::Available);
        Command::Receive { item, location, quantity, expected, into }
    });
    let commands = std::iter::once(Command::CreateItem(new)).chain(receipts);
    // There is no version yet that it could match.
    let requests = commands.map(|command| Request { if_match: None, ..request(asked, command) });
    let requests = requests.collect();
    let together = app.writer.submit_together(requests, asked.key.0.clone()).await.map_err(Error::from)?;
    let done = together.outcome.map_err(|stopped| Error::from(stopped.refusal))?;
    let created = done.first().and_then(|done| done.items.first()).map_or(item, |after| after.item_id);
    app.show(&asked.caller, created, together.replayed).await
}

/// Either the whole or its parts may be given. Both must come to the same.
fn first_units(body: &CreateInventoryItemRequest) -> Result<FirstUnits, Status> {
    let parts = &body.warehouse_allocations;
    if parts.len() > domain::MAX_LINES {
        return Err(Error::from(Refusal::TooManyLines { lines: parts.len() }).into());
    }
    let (whole, field) = (body.initial_quantity, "initial_quantity");
    if whole < 0 {
        return Err(fields::invalid(field, format!("it is 0 or more, not {whole}")));
    }
    if parts.is_empty() {
        return if whole == 0 { Ok(vec![]) } else { Ok(vec![(None, fields::quantity(field, whole)?)]) };
    }
    let sum = parts.iter().map(|part| i64::from(part.quantity)).sum();
    if whole != 0 && i64::from(whole) != sum {
        let why = format!("it is {whole}, and the warehouse_allocations come to {sum}");
        return Err(fields::invalid(field, why));
    }
    int32(field, sum)?;
    let units = parts.iter().map(|part| {
        let at = fields::location("warehouse_allocations.warehouse_id", &part.warehouse_id)?;
        Ok((Some(at), fields::quantity("warehouse_allocations.quantity", part.quantity)?))
    });
    units.collect()
}

/// The item; its name is its SKU, for the interface knows no names.
fn new_item(app: &App, asked: &Asked, body: CreateInventoryItemRequest) -> Result<NewItem, Status> {
    let sku = fields::sku("sku", body.sku)?;
    let identity = Identity {
        id: new_id(&asked.caller, asked.key.0.as_deref(), &sku),
        product_id: fields::sku("product_id", body.product_id)?,
        variant_id: body.variant_id.map(|variant| fields::sku("variant_id", variant)).transpose()?,
        sku: sku.clone(),
        owner: owner(app, &asked.caller, None)?,
    };
    let attributes = Attributes {
        name: fields::name("sku", sku.into())?,
        supplier: None,
        reorder_point: i64::from(body.reorder_point),
        reorder_quantity: i64::from(body.reorder_quantity),
        active: true,
    };
    Ok(NewItem { identity, attributes })
}

pub(super) async fn get(
    app: &App,
    caller: &Caller,
    body: GetInventoryItemRequest,
) -> Answered<InventoryItemResponse> {
    let by_name =
        |product: Option<String>, sku: Option<String>| Called::Names { product, variant: None, sku };
    let called = match body.identifier {
        None => return Err(fields::invalid("identifier", "name an item by id, product_id or sku")),
        Some(Identifier::Id(id)) => Called::Id(fields::item("id", &id)?),
        Some(Identifier::ProductId(product)) => by_name(Some(known(product)?), None),
        Some(Identifier::Sku(sku)) => by_name(None, Some(known(sku)?)),
    };
    let kept = app.kept(caller, &called).await?;
    let item = messages::item(&kept, &app.warehouses().await?)?;
    answered(InventoryItemResponse { inventory_item: Some(item) }, Some(kept.version), false)
}

/// A name that an item may have. No item has another.
pub(super) fn known(name: String) -> Result<String, Error> {
    Sku::try_from(name).map(String::from).map_err(|_| Error::from(Refusal::ItemUnknown))
}

pub(super) async fn update(
    app: &App,
    asked: &Asked,
    body: UpdateInventoryItemRequest,
) -> Answered<InventoryItemResponse> {
    let item = fields::item("id", &body.id)?;
    let status = body.status.as_deref().map(fields::standing).transpose()?;
    let patch = ItemPatch {
        reorder_point: body.reorder_point.map(i64::from),
        reorder_quantity: body.reorder_quantity.map(i64::from),
        // What stands between is computed: naming any other status only ends that it is discontinued.
        active: status.map(|status| status != Some(Standing::Discontinued)),
        ..ItemPatch::default()
    };
    let before = app.kept(&asked.caller, &Called::Id(item)).await?;
    let request = request(asked, Command::UpdateItem { item, patch });
    app.unless_done(&request, messages::item(&before, &[]).map(drop)).await?;
    let answer = app.writer.submit(request).await.map_err(Error::from)?;
    answer.outcome.map_err(Error::from)?;
    app.show(&asked.caller, item, answer.replayed).await
}

pub(super) async fn list(
    app: &App,
    caller: &Caller,
    body: &ListInventoryItemsRequest,
) -> Answered<ListInventoryItemsResponse> {
    let page = fields::page(body.page, body.limit)?;
    let location = body.warehouse_id.as_deref().map(|id| fields::location("warehouse_id", id)).transpose()?;
    let standing = match body.status.as_deref().map(fields::standing).transpose()? {
        Some(None) => return answered(ListInventoryItemsResponse::default(), None, false),
        standing => standing.flatten(),
    };
    let owner = caller.owner_scope().map(str::to_owned);
    let filter = KeptFilter { owner, standing, location, short: body.low_stock_only };
    let (kept, total) = app.reader.kept_page(&filter, page).await.map_err(Error::from)?;
    let warehouses = app.warehouses().await?;
    let items = kept.iter().map(|kept| messages::item(kept, &warehouses)).collect::<Result<_, _>>()?;
    answered(
        ListInventoryItemsResponse { inventory_items: items, total: int32("total", total)? },
        None,
        false,
    )
}

impl App {
    /// The item as it is, for an answer.
    async fn show(&self, caller: &Caller, item: ItemId, replayed: bool) -> Answered<InventoryItemResponse> {
        let kept = self.kept(caller, &Called::Id(item)).await?;
        let message = messages::item(&kept, &self.warehouses().await?)?;
        answered(InventoryItemResponse { inventory_item: Some(message) }, Some(kept.version), replayed)
    }
}
