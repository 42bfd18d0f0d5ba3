use std::time::Duration;

use testkit::eventually;

#[tokio::test]
async fn it_asks_until_there_is_an_answer() {
    let mut asked = 0;
    let answer = eventually("the third time", Duration::from_secs(5), async || {
        asked += 1;
        (asked == 3).then_some("yes")
    });
    assert_eq!(answer.await, "yes");
}

#[tokio::test]
#[should_panic(expected = "a probe that hangs: not within 50ms")]
async fn a_probe_that_hangs_is_given_up_on() {
    eventually("a probe that hangs", Duration::from_millis(50), async || {
        std::future::pending::<Option<()>>().await
    })
    .await;
}
