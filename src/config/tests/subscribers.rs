//! Who is told what happens, as it is written, refused and kept secret.

use super::{told, wrong};
use crate::config::keys::{Secret, load_keys};
use crate::config::load;
use crate::config::subscribers::SubscriberKind;

const FILE: &str = "[[subscriber]]\nname = \"tape\"\nkind = \"file\"\nfile = { path = \"e\" }\n";

fn webhook(line: &str) -> String {
    let url = match line.starts_with("url") {
        true => "",
        false => "url = \"http://127.0.0.1:1/\"\n",
    };
    format!("[[subscriber]]\nname = \"w\"\nkind = \"webhook\"\n[subscriber.webhook]\n{url}{line}\n")
}

#[test]
fn what_is_unknown_is_told_what_is_known() {
    assert_eq!(
        told("[[subscriber]]\nname = \"p\"\nkind = \"pager\"\n"),
        "gate.toml:3: subscriber.p.kind = \"pager\": unknown; known: \"log\", \"file\", \"webhook\""
    );
    let text = FILE.replace("file = {", "kinds = [\"fil\"]\nfile = {");
    let problem =
        "gate.toml:4: subscriber.tape.kinds = [\"fil\"]: unknown; did you mean \"fill\"? known: ";
    assert!(told(&text).starts_with(problem), "{}", told(&text));
    let text = FILE.replace("file = {", "severity = \"bad\"\nfile = {");
    assert_eq!(
        told(&text),
        "gate.toml:4: subscriber.tape.severity = \"bad\": unknown; known: \"info\", \"notice\", \
         \"warning\", \"critical\""
    );
}

#[test]
fn what_makes_no_sense_is_refused_where_it_stands() {
    for (text, error) in [
        (
            "[[subscriber]]\nname = \"t\"\nkind = \"file\"\n".to_owned(),
            "1 subscriber.t.file.path",
        ),
        (
            "[[subscriber]]\nname = \"t\"\nkind = \"webhook\"\n".to_owned(),
            "1 subscriber.t.webhook.url",
        ),
        (
            format!("{FILE}webhook = {{}}\n"),
            "5 subscriber.tape.webhook",
        ),
        (
            format!("{FILE}accounts = [\"A\"]\n"),
            "5 subscriber.tape.accounts",
        ),
        (format!("{FILE}queue = 0\n"), "5 subscriber.tape.queue"),
        (
            format!("{FILE}{}", FILE.replace("\"e\"", "\"f\"")),
            "6 subscriber.tape.name",
        ),
        (
            format!("{FILE}{}", FILE.replace("tape", "t")),
            "8 subscriber.t.file.path",
        ),
        (
            webhook("url = \"ftp://here/\""),
            "5 subscriber.w.webhook.url",
        ),
        (webhook("url = \"http:///x\""), "5 subscriber.w.webhook.url"),
        (
            webhook("retry_min = \"5s\""),
            "4 subscriber.w.webhook.retry_max",
        ),
        (
            webhook("timeout = \"2h\""),
            "6 subscriber.w.webhook.timeout",
        ),
        (
            webhook("secret_header = \"a b\""),
            "6 subscriber.w.webhook.secret_header",
        ),
        ("[events]\nhistory = -1\n".to_owned(), "2 events.history"),
    ] {
        assert_eq!(wrong(&text), [error], "{text}");
    }
}

#[test]
fn a_secret_of_a_webhook_is_read_from_its_file_and_never_shown() {
    let text = told(&webhook("url = \"http://gate:hunter2@127.0.0.1/\""));
    assert!(
        !text.contains("hunter2") && text.contains("secret_file"),
        "{text}"
    );
    let text = told(&webhook("secret_file = [\"hunter2\"]"));
    assert!(!text.contains("hunter2"), "{text}");

    use std::os::unix::fs::PermissionsExt as _;
    let name = format!("portcullis-secret-{}", std::process::id());
    let folder = std::env::temp_dir().join(name);
    std::fs::create_dir_all(&folder).expect("a folder");
    let (file, secret) = (folder.join("gate.toml"), folder.join("pager.secret"));
    std::fs::write(&file, webhook("secret_file = \"pager.secret\"")).expect("a file");
    std::fs::write(&secret, "Bearer hunter2\n").expect("a file");
    let mode = |mode| std::fs::Permissions::from_mode(mode);
    std::fs::set_permissions(&secret, mode(0o644)).expect("a mode");
    let config = load(&file).expect("a good file");
    let SubscriberKind::Webhook(of) = &config.subscribers[0].kind else {
        panic!("{:?}", config.subscribers);
    };
    assert_eq!(of.secret_file.as_deref(), Some(secret.as_path()));
    let refused = load_keys(&config)
        .expect_err("others can read it")
        .to_string();
    assert!(
        refused.contains("subscriber.w.webhook.secret_file: mode 0644"),
        "{refused}"
    );
    std::fs::set_permissions(&secret, mode(0o600)).expect("a mode");
    let keys = load_keys(&config).expect("a good file");
    assert_eq!(
        keys.subscribers[0].as_ref().map(Secret::text),
        Some("Bearer hunter2")
    );
    assert!(!format!("{keys:?}").contains("hunter2"));
    for wrong in ["", "two\nlines", " blank", "\u{e9}"] {
        std::fs::write(&secret, wrong).expect("a file");
        let refused = load_keys(&config)
            .expect_err("no header's value")
            .to_string();
        assert!(refused.contains("not the value of a header"), "{refused}");
    }
    std::fs::remove_dir_all(folder).expect("it is gone");
}
