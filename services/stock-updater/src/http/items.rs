//! Items: create one, change its attributes.

use axum::extract::State;
use axum::http::StatusCode;
use domain::{Attributes, Command, Identity, ItemId, ItemPatch, Name, NewItem, Sku};
use platform::http::{Json, Path};
use platform::problem::Problem;
use serde::{Deserialize, Deserializer};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

use super::{Asked, Recorded};
use crate::App;
use crate::error::Error;

pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(create)).routes(routes!(update))
}

/// An item to keep from now on.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewItemBody {
    /// Unique over all owners: 1 to 100 visible ASCII characters. Never changes.
    #[schema(value_type = String)]
    sku: Sku,
    /// The shop's id of the product; the SKU when absent. Never changes.
    #[schema(value_type = Option<String>)]
    product_id: Option<Sku>,
    /// The variant of the product. Never changes.
    #[schema(value_type = Option<String>)]
    variant_id: Option<Sku>,
    /// Up to 200 characters.
    #[schema(value_type = String)]
    name: Name,
    /// The brand that owns it; the caller's own, or the configured one, when absent. Never changes.
    #[schema(value_type = Option<String>)]
    owner: Option<Name>,
    /// The supplier that it is ordered from.
    #[schema(value_type = Option<String>)]
    supplier_id: Option<Sku>,
    /// Order more when available and incoming units together are at or below this: 0 to 10^12.
    #[serde(default)]
    reorder_point: i64,
    /// How many to order then: 0 to 10^12, 0 never orders.
    #[serde(default)]
    reorder_quantity: i64,
    /// Whether it may be promised to customers.
    #[serde(default = "yes")]
    active: bool,
}

/// The attributes to change; what is absent stays.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct ItemPatchBody {
    /// A new name.
    #[schema(value_type = Option<String>)]
    name: Option<Name>,
    /// Another supplier; null for none.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<String>)]
    supplier_id: Option<Option<Sku>>,
    /// A new reorder point.
    reorder_point: Option<i64>,
    /// A new reorder quantity.
    reorder_quantity: Option<i64>,
    /// Whether it may be promised to customers.
    active: Option<bool>,
}

fn yes() -> bool {
    true
}

/// Tells `null` from absent.
fn present<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Option<Sku>>, D::Error> {
    Option::deserialize(from).map(Some)
}

/// Begin to keep an item.
#[utoipa::path(post, path = "/v1/items", tag = "items", request_body = NewItemBody, responses(
    (status = 201, description = "Created: the command, and the item at version 1"),
    (status = 409, description = "The SKU or the product's variant is taken"),
    (status = 422, description = "A reorder figure is out of range, or the Idempotency-Key was used otherwise"),
))]
async fn create(
    State(app): State<App>,
    asked: Asked,
    Json(body): Json<NewItemBody>,
) -> Result<Recorded, Error> {
    let owner = owner(&app, &asked, body.owner)?;
    let identity = Identity {
        id: ItemId(Uuid::now_v7()),
        product_id: body.product_id.unwrap_or_else(|| body.sku.clone()),
        variant_id: body.variant_id,
        sku: body.sku,
        owner,
    };
    let attributes = Attributes {
        name: body.name,
        supplier: body.supplier_id,
        reorder_point: body.reorder_point,
        reorder_quantity: body.reorder_quantity,
        active: body.active,
    };
    let mut request = asked.request(Command::CreateItem(NewItem { identity, attributes }))?;
    // There is no version yet that it could match.
    request.if_match = None;
    Recorded::of(app.writer.submit(request).await?, StatusCode::CREATED)
}

/// A caller that is bound to an owner creates items of that owner alone.
fn owner(app: &App, asked: &Asked, named: Option<Name>) -> Result<Name, Error> {
    let Some(bound) = asked.caller.owner_scope() else {
        return Ok(named.unwrap_or_else(|| app.default_owner.clone()));
    };
    if named.as_ref().is_some_and(|named| named.as_str() != bound) {
        let problem = Problem::new(StatusCode::FORBIDDEN, "forbidden", "Your role may not do this");
        return Err(problem
            .detail(format!("items of other owners than {bound:?} are not yours to create"))
            .into());
    }
    Name::try_from(bound.to_owned()).map_err(|error| {
        let problem = Problem::new(StatusCode::FORBIDDEN, "forbidden", "Your role may not do this");
        problem.detail(format!("the owner in your token cannot own items: {error}")).into()
    })
}

/// Change an item's attributes.
#[utoipa::path(patch, path = "/v1/items/{item}", tag = "items", request_body = ItemPatchBody,
    params(("item" = String, Path, description = "An id, a product_id or a SKU")), responses(
    (status = 200, description = "Changed, or as it was already"),
    (status = 404, description = "There is no such item"),
    (status = 412, description = "The item is not at the version that If-Match names"),
))]
async fn update(
    State(app): State<App>,
    asked: Asked,
    Path(item): Path<String>,
    Json(body): Json<ItemPatchBody>,
) -> Result<Recorded, Error> {
    let item = app.item(&asked.caller, &item).await?.id;
    let patch = ItemPatch {
        name: body.name,
        supplier: body.supplier_id,
        reorder_point: body.reorder_point,
        reorder_quantity: body.reorder_quantity,
        active: body.active,
    };
    let request = asked.request(Command::UpdateItem { item, patch })?;
    Recorded::of(app.writer.submit(request).await?, StatusCode::OK)
}
