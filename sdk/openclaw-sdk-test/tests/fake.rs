//! The fake host does what the contract says.

use openclaw_sdk::events::{Events, Occurrence};
use openclaw_sdk::host::Host;
use openclaw_sdk::http::{ErrorKind, Method, Request};
use openclaw_sdk::kv::{self, Change};
use openclaw_sdk::media::{self, Description, Downloaded};
use openclaw_sdk::process;
use openclaw_sdk::race::{First, race};
use openclaw_sdk::sockets::Opening;
use openclaw_sdk_test::{Act, Asked, FakeHost, Opened, Reply, Vendor};

#[test]
fn time_passes_only_while_everything_waits() {
    let host = FakeHost::new();
    let both = async { race(host.sleep(30_000), host.sleep(20_000)).await };
    assert_eq!(host.finish(both), First::Right(()));
    assert_eq!(host.elapsed_ms(), 20_000);
    assert_eq!(host.run_for(1_000, host.sleep(5_000)), None);
    assert_eq!(host.elapsed_ms(), 21_000);
    assert_eq!(host.until_idle(std::future::pending::<()>()), None);
}

#[test]
fn events_come_in_order_and_stay_until_they_are_acknowledged() {
    let host = FakeHost::new().opens(Opened::Socket(vec![
        Act::Text("a".into()),
        Act::Wait(10),
        Act::Text("b".into()),
    ]));
    host.set_timer("late", 20);
    host.set_timer("never", 5);
    host.cancel_timer("never");
    let mut events = Events::new();
    let seen = host.finish(async {
        host.open(Opening::new("gateway")).await.unwrap();
        host.sleep(30).await;
        // A call that is dropped loses nothing.
        let _ = race(std::future::ready(()), events.next(&host)).await;
        host.happens(Occurrence::Shutdown);
        let mut seen = Vec::new();
        for _ in 0..4 {
            seen.push(match events.next(&host).await {
                Occurrence::Shutdown => "shutdown".to_owned(),
                Occurrence::Timer(name) => name,
                Occurrence::Frame(frame) => format!("{:?}", frame.payload),
                other => panic!("{other:?}"),
            });
        }
        seen
    });
    assert_eq!(seen, ["shutdown", "late", "Payload::Text(\"a\")", "Payload::Text(\"b\")"]);
    assert_eq!(events.acked(), 4);
}

#[test]
fn kv_has_a_quota_outlives_the_instance_and_can_fail() {
    let host = FakeHost::new().kv_quota(10);
    host.finish(kv::put(&host, "a", b"12345".to_vec())).unwrap();
    let two = [("b", "1"), ("c", "123456")];
    let changes = two.map(|(key, value)| Change::Put(kv::Entry { key: key.into(), value: value.into() }));
    assert!(matches!(host.finish(host.apply(changes.to_vec())), Err(kv::Error::Full)));
    let after = host.restarted().kv_fails(kv::Error::Unavailable(5));
    assert!(matches!(after.finish(after.get("a")), Err(kv::Error::Unavailable(5))));
    assert_eq!(after.finish(after.get("a")).unwrap().as_deref(), Some(&b"12345"[..]));
    assert_eq!(after.finish(after.get("b")).unwrap(), None, "all changes or none");
    assert_eq!(after.finish(kv::all(&after, "a")).unwrap().len(), 1);
    after.finish(kv::delete(&after, "a")).unwrap();
    assert!(after.finish(kv::all(&after, "")).unwrap().is_empty());
}

#[test]
fn requests_are_bounded_as_by_the_gateway() {
    let request = |path: &str, ms| Request::new("api", Method::Get, path, ms);
    let kind = |host: &FakeHost, request| host.finish(host.http(request)).unwrap_err().kind;
    let host = FakeHost::new();
    assert_eq!(kind(&host, request("me", 1)), ErrorKind::Denied);
    assert_eq!(kind(&host, request("/a/../b", 1)), ErrorKind::Denied);
    assert_eq!(kind(&host, request("/a", 120_001)), ErrorKind::Denied);
    assert_eq!(kind(&host, request("/a", 1).header("Authorization", "x")), ErrorKind::Denied);
    assert!(host.calls().is_empty());
    let host = FakeHost::new().replies(Reply::Never).replies(Reply::answer(200, "").after(50)).answers(
        200,
        &[],
        "12345",
    );
    assert_eq!(kind(&host, request("/a", 1_000)), ErrorKind::Timeout);
    assert_eq!(kind(&host, request("/a", 40)), ErrorKind::Timeout);
    assert_eq!(host.elapsed_ms(), 1_040);
    assert_eq!(kind(&host, request("/a", 1).limit(4)), ErrorKind::TooLarge);
}

struct Cat;

impl Vendor for Cat {
    fn http(&mut self, _request: &Asked, _now_ms: u64) -> Reply {
        Reply::Over
    }

    fn start(&mut self, name: &str) -> Result<Vec<Act>, process::Error> {
        assert_eq!(name, "cat");
        Ok(vec![Act::Line("ready".into())])
    }

    fn line(&mut self, _process: u32, line: &str) -> Vec<Act> {
        vec![Act::Line(line.to_owned())]
    }
}

#[test]
fn programs_read_and_write_lines() {
    let host = FakeHost::with_vendor(Cat);
    let mut events = Events::new();
    host.finish(async {
        let cat = host.start("cat").await.unwrap();
        host.write_line(cat, "hi".into()).await.unwrap();
        for expected in ["ready", "hi"] {
            assert!(matches!(events.next(&host).await, Occurrence::Line(line) if line.text == expected));
        }
        host.stop(cat);
        assert!(matches!(events.next(&host).await, Occurrence::Exited(_)));
        assert!(matches!(host.write_line(cat, "?".into()).await, Err(process::Error::Ended)));
    });
}

#[test]
fn the_same_seed_is_the_same_lot() {
    let clock = |seed| FakeHost::new().seed(seed).monotonic_us();
    assert_eq!(clock(1), clock(1));
    assert_ne!(clock(1), clock(2));
}

#[test]
fn files_are_kept_within_the_quota_and_sent_by_their_handles() {
    let host = FakeHost::new().media_quota(8).answers(200, &[], "picture").answers(404, &[], "gone");
    let file = |mime: &str| Description { mime: mime.to_owned(), name: None, size: None };
    let get = || Request::new("api", Method::Get, "/file", 1_000);
    let Ok(Downloaded::File(kept)) = host.finish(host.download(get(), file("image/png"))) else { panic!() };
    assert_eq!((kept.mime.as_str(), kept.size), ("image/png", 7));
    let Ok(Downloaded::Refused(refused)) = host.finish(host.download(get(), file("image/png"))) else {
        panic!()
    };
    assert_eq!(refused.status, 404);
    assert_eq!(host.finish(host.keep(file("a/b"), vec![0; 2])), Err(media::Error::Full));
    assert_eq!(host.finish(host.read(kept.handle, 7)), Ok(b"picture".to_vec()));
    assert_eq!(host.finish(host.read(kept.handle, 6)), Err(media::too_long(6)));
    let host = host.answers(200, &[], "");
    let post = Request::new("api", Method::Post, "/take", 1_000).bytes("<").file(kept.handle).bytes(">");
    assert!(host.finish(host.http(post)).is_ok());
    assert_eq!(host.calls().last().unwrap().body, b"<picture>");
    host.finish(host.forget(kept.handle)).unwrap();
    let again = Request::new("api", Method::Post, "/take", 1_000).file(kept.handle);
    assert_eq!(host.finish(host.http(again)).unwrap_err().kind, ErrorKind::Denied);
}
