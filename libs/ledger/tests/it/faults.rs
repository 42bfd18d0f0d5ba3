use domain::ItemId;
use futures::future::join_all;
use ledger::{Request, Unanswered};
use sea_orm::{ConnectionTrait, Statement};
use testkit::proxy::Proxy;
use testkit::{Backend, Stage};
use tokio_util::sync::CancellationToken;

use crate::books::{self, admin, open, receive, sell};

async fn backend_of_the_writer(books: &books::Books) -> Vec<i32> {
    let sql =
        "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()";
    let rows =
        books.db.query_all_raw(Statement::from_string(books.db.get_database_backend(), sql)).await.unwrap();
    rows.iter().map(|row| row.try_get::<i32>("", "pid").unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_commit_whose_reply_is_lost_has_one_effect() {
    let books = open(Backend::Real).await;
    let item = books.item("TEA", 1).await;
    let proxy = Proxy::before(&books.stage.stock_url).await.unwrap();
    let stop = CancellationToken::new();
    let writer = books::writer(&proxy.url(&books.stage.stock_url), &stop);
    for round in 2..=6 {
        // The reason is in the statement that writes a batch, which is its transaction.
        proxy.lose_reply_to(b"the reply is lost");
        let request = Request::new(receive(item, 1), admin()).because("the reply is lost");
        let answer = writer.submit(request).await.unwrap();
        assert!(answer.replayed, "round {round}: the commit had gone through, and was found by its key");
        assert_eq!(books.view(item).await.available, round);
    }
    books.is_clean().await;
    stop.cancel();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_commit_of_several_statements_whose_reply_is_lost_has_one_effect() {
    let books = open(Backend::Real).await;
    let item = books.item("TEA", 0).await;
    let proxy = Proxy::before(&books.stage.stock_url).await.unwrap();
    let stop = CancellationToken::new();
    let writer = books::writer(&proxy.url(&books.stage.stock_url), &stop);
    // The first units at a location make a level.
    proxy.lose_reply_to(b"COMMIT");
    let answer = writer.submit(Request::new(receive(item, 1), admin())).await.unwrap();
    assert!(answer.replayed, "the commit had gone through, and was found by its key");
    assert_eq!(books.view(item).await.available, 1);
    books.is_clean().await;
    stop.cancel();
}

#[tokio::test(flavor = "multi_thread")]
async fn commands_go_on_when_the_database_ends_their_connections() {
    let books = open(Backend::Real).await;
    let item = books.item("TEA", 1000).await;
    for _ in 0..5 {
        let sales = join_all((0..40).map(|_| books.submit(sell(item, 1))));
        let kill = async {
            for pid in backend_of_the_writer(&books).await {
                let sql = format!("SELECT pg_terminate_backend({pid})");
                _ = books.db.execute_unprepared(&sql).await;
            }
        };
        let (answers, ()) = tokio::join!(sales, kill);
        for answer in answers {
            answer.unwrap().outcome.unwrap();
        }
    }
    assert_eq!(books.view(item).await.available, 800);
    books.is_clean().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn commands_are_told_when_the_database_falls_silent_and_go_on_when_it_speaks_again() {
    let books = open(Backend::Real).await;
    let item = books.item("TEA", 10).await;
    let proxy = Proxy::before(&books.stage.stock_url).await.unwrap();
    let stop = CancellationToken::new();
    let writer = books::writer(&proxy.url(&books.stage.stock_url), &stop);
    writer.submit(Request::new(sell(item, 1), admin())).await.unwrap().outcome.unwrap();
    proxy.stall();
    let began = std::time::Instant::now();
    assert_eq!(writer.submit(Request::new(sell(item, 1), admin())).await, Err(Unanswered::Unavailable));
    assert!(began.elapsed() < std::time::Duration::from_secs(30), "nobody waits for ever");
    proxy.heal();
    writer.submit(Request::new(sell(item, 1), admin())).await.unwrap().outcome.unwrap();
    books.is_clean().await;
    stop.cancel();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_that_somebody_else_keeps_locked_holds_a_command_up_for_the_lock_timeout_only() {
    use sea_orm::TransactionTrait;
    let books = open(Backend::Real).await;
    let item = books.item("TEA", 10).await;
    let foreign = books.db.begin().await.unwrap();
    foreign.execute_unprepared("SELECT id FROM inventory_items FOR UPDATE").await.unwrap();
    let began = std::time::Instant::now();
    assert_eq!(books.submit(sell(item, 1)).await, Err(Unanswered::Unavailable));
    let limit = std::time::Duration::from_millis(books::database().lock_timeout_ms);
    assert!(began.elapsed() < limit * 10, "it took {:?}", began.elapsed());
    foreign.rollback().await.unwrap();
    books.does(sell(item, 1)).await;
    books.is_clean().await;
}

#[tokio::test]
async fn commands_are_told_when_the_database_is_gone() {
    let stage = Stage::new(Backend::Embedded).await;
    let stop = CancellationToken::new();
    let writer = books::writer("postgres://nobody@127.0.0.1:1/none", &stop);
    let command = receive(ItemId(uuid::Uuid::nil()), 1);
    assert_eq!(writer.submit(Request::new(command, admin())).await, Err(Unanswered::Unavailable));
    stop.cancel();
    drop(stage);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_accepted_is_finished_when_the_writer_stops() {
    let books = open(Backend::Embedded).await;
    let item = books.item("TEA", 1000).await;
    let stop = CancellationToken::new();
    let writer = books::writer(&books.stage.stock_url, &stop);
    let sales = join_all((0..200).map(|_| writer.submit(Request::new(sell(item, 1), admin()))));
    let stopping = async {
        tokio::task::yield_now().await;
        stop.cancel();
    };
    let (answers, ()) = tokio::join!(sales, stopping);
    let sold = answers.iter().filter(|answer| answer.is_ok()).count();
    assert!(answers.iter().all(|answer| matches!(answer, Ok(_) | Err(Unanswered::Stopping))));
    assert_eq!(books.view(item).await.available, 1000 - i64::try_from(sold).unwrap());
    books.is_clean().await;
}
