//! Items: create one, change its attributes.

use axum::extract::State;
use axum::http::StatusCode;
use domain::{Attributes, Command, Identity, ItemId, ItemPatch, Name, NewItem, Sku};
use ledger::Request;
use platform::auth::Caller;
use platform::http::{Json, Path};
use platform::problem::Problem;
use serde::{Deserialize, Deserializer};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

use super::answers::Change;
use super::instruction::{Draft, Instruction};
use super::{Asked, Recorded};
use crate::App;
use crate::error::Error;

pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(create)).routes(routes!(update))
}

/// An item to keep from now on.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewItemBody {
    /// Unique over all owners: 1 to 100 visible ASCII characters. Never changes.
    #[schema(value_type = String)]
    pub(super) sku: Sku,
    /// The shop's id of the product; the SKU when absent. Never changes.
    #[schema(value_type = Option<String>)]
    pub(super) product_id: Option<Sku>,
    /// The variant of the product. Never changes.
    #[schema(value_type = Option<String>)]
    pub(super) variant_id: Option<Sku>,
    /// Up to 200 characters.
    #[schema(value_type = String)]
    pub(super) name: Name,
    /// The brand that owns it; the caller's own, or the configured one, when absent. Never changes.
    #[schema(value_type = Option<String>)]
    pub(super) owner: Option<Name>,
    /// The supplier that it is ordered from.
    #[schema(value_type = Option<String>)]
    pub(super) supplier_id: Option<Sku>,
    /// Order more when available and incoming units together are at or below this: 0 to 10^12.
    #[serde(default)]
    pub(super) reorder_point: i64,
    /// How many to order then: 0 to 10^12, 0 never orders.
    #[serde(default)]
    pub(super) reorder_quantity: i64,
    /// Whether it may be promised to customers.
    #[serde(default = "yes")]
    pub(super) active: bool,
}

/// The attributes to change; what is absent stays.
#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ItemPatchBody {
    /// A new name.
    #[schema(value_type = Option<String>)]
    pub(super) name: Option<Name>,
    /// Another supplier; null for none.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<String>)]
    pub(super) supplier_id: Option<Option<Sku>>,
    /// A new reorder point.
    pub(super) reorder_point: Option<i64>,
    /// A new reorder quantity.
    pub(super) reorder_quantity: Option<i64>,
    /// Whether it may be promised to customers.
    pub(super) active: Option<bool>,
}

fn yes() -> bool {
    true
}

/// Tells `null` from absent.
fn present<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Option<Sku>>, D::Error> {
    Option::deserialize(from).map(Some)
}

impl NewItemBody {
    /// With nothing but what it needs.
    pub(super) fn bare(sku: Sku, name: Name) -> NewItemBody {
        NewItemBody {
            sku,
            product_id: None,
            variant_id: None,
            name,
            owner: None,
            supplier_id: None,
            reorder_point: 0,
            reorder_quantity: 0,
            active: true,
        }
    }

    pub(super) fn request(self, draft: &Draft<'_>) -> Result<Request, Error> {
        let owner = owner(draft.app, draft.caller, self.owner)?;
        let identity = Identity {
            id: new_id(draft.caller, draft.key, &self.sku),
            product_id: self.product_id.unwrap_or_else(|| self.sku.clone()),
            variant_id: self.variant_id,
            sku: self.sku,
            owner,
        };
        let attributes = Attributes {
            name: self.name,
            supplier: self.supplier_id,
            reorder_point: self.reorder_point,
            reorder_quantity: self.reorder_quantity,
            active: self.active,
        };
        Ok(draft.request(Command::CreateItem(NewItem { identity, attributes })))
    }
}

impl ItemPatchBody {
    pub(super) fn request(self, draft: &Draft<'_>, item: &str) -> Result<Request, Error> {
        let patch = ItemPatch {
            name: self.name,
            supplier: self.supplier_id,
            reorder_point: self.reorder_point,
            reorder_quantity: self.reorder_quantity,
            active: self.active,
        };
        Ok(draft.request(Command::UpdateItem { item: draft.item(item)?, patch }))
    }
}

/// What the ids of items are made from that are created under a key.
const IDS: Uuid = uuid::uuid!("a4b6c3de-0e9f-4c1c-9a43-5b4d1d0d7a55");

/// The id of an item that is to be created. Other commands of the same request name the item, so under the same key it
/// must be the same one again.
pub(crate) fn new_id(caller: &Caller, key: Option<&str>, sku: &Sku) -> ItemId {
    let Some(key) = key else { return ItemId(Uuid::now_v7()) };
    let (role, actor) = (caller.role.as_str(), &caller.actor);
    // A key and an SKU have no blanks, and a role none either.
    ItemId(Uuid::new_v5(&IDS, format!("{role} {key} {sku} {actor}").as_bytes()))
}

/// A caller that is bound to an owner creates items of that owner alone.
pub(crate) fn owner(app: &App, caller: &Caller, named: Option<Name>) -> Result<Name, Error> {
    let Some(bound) = caller.owner_scope() else {
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

/// Begin to keep an item.
#[utoipa::path(post, path = "/v1/items", tag = "items", request_body = NewItemBody, responses(
    (status = 201, description = "Created: the item at version 1", body = Change),
    (status = 409, description = "The SKU or the product's variant is taken"),
    (status = 422, description = "A reorder figure is out of range, or the Idempotency-Key was used otherwise"),
))]
async fn create(
    State(app): State<App>,
    asked: Asked,
    Json(body): Json<NewItemBody>,
) -> Result<Recorded, Error> {
    app.give(asked, Instruction::CreateItem(body)).await
}

/// Change an item's attributes.
#[utoipa::path(patch, path = "/v1/items/{item}", tag = "items", request_body = ItemPatchBody,
    params(("item" = String, Path, description = "An id, a product_id or a SKU")), responses(
    (status = 200, description = "Changed, or as it was already", body = Change),
    (status = 404, description = "There is no such item"),
    (status = 412, description = "The item is not at the version that If-Match names"),
))]
async fn update(
    State(app): State<App>,
    asked: Asked,
    Path(item): Path<String>,
    Json(body): Json<ItemPatchBody>,
) -> Result<Recorded, Error> {
    app.give(asked, Instruction::UpdateItem(item, body)).await
}
