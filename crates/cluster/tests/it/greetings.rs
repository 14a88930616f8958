//! Who may take part: programs of the same version, on loopback.

use crate::house::{listening, port, start, stranger};
use cluster::greeting::Greeting;
use cluster::{ClusterError, Patience, Reach, Readable, SchedulerOptions, connect, schedule};

#[test]
fn a_greeting_is_read_as_it_is_written() {
    let ours = Greeting::ours();
    assert_eq!(Greeting::read(&ours.to_string()), ours);
    assert!(ours.to_string().contains("utc_day/1"), "{ours}");
}

#[test]
fn what_differs_is_named() {
    let rows = [
        (&["bots/1", "utc_day/1"][..], "ok"),
        (&["bots/1"][..], "it lacks utc_day/1"),
        (&["bots/1", "utc_day/1", "ssn/1"][..], "it has ssn/1 besides"),
        (&["bots/2", "utc_day/1"][..], "it lacks bots/1 and has bots/2 instead"),
    ];
    for (functions, said) in rows {
        let other = Greeting::ours().with_functions(functions);
        let judged = Greeting::ours().judge(&other).map_or_else(|e| e.to_string(), |()| "ok".to_owned());
        assert_eq!(judged, said, "{functions:?}");
    }
    // A stranger is refused, whatever it says.
    for line in ["", "curl/8.0", "((((", "grpc-java/1.2 (", "\u{fffd}/\u{fffd} (a/b;;/;)"] {
        assert!(Greeting::ours().judge(&Greeting::read(line)).is_err(), "{line}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_role_is_open_to_the_world_by_itself() {
    for at in ["0.0.0.0:0", "192.0.2.1:50050", "[::]:0"] {
        let options = SchedulerOptions {
            at: at.parse().unwrap(),
            reach: Reach::Loopback,
            readable: Readable::files(),
            patience: Patience::default(),
        };
        let refused = schedule(options, |_| ()).await;
        assert!(matches!(refused, Err(ClusterError::Open { .. })), "{at}: {refused:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_executor_of_another_version_is_refused_and_told_why() {
    let folder = tempfile::tempdir().unwrap();
    let at = port();
    let _scheduler = start("scheduler", at, 0, folder.path(), &[]);
    listening(at).await;
    let (well, said) = stranger(port(), at, &folder.path().join("a"), "bots/1").ended();
    assert!(!well);
    assert!(said.contains("does not fit this program") && said.contains("it lacks utc_day/1"), "{said}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_scheduler_that_is_not_there_is_an_error_with_its_name() {
    let at = port();
    let silent = connect(&format!("df://127.0.0.1:{at}"), &Readable::files(), 4).await;
    assert!(matches!(silent, Err(ClusterError::Silent { .. })));
    for url in ["http://127.0.0.1:1", "df://127.0.0.1", "df://:1", "df://h:99999", ""] {
        let refused = connect(url, &Readable::files(), 4).await;
        assert!(matches!(refused, Err(ClusterError::Session { .. })), "{url}");
    }
}
