//! The table of the Bot API: <https://core.telegram.org/bots/api#message>.

use openclaw_e2e::{Home, SOON, eventually, model, model_only};
use openclaw_fakes::{FakeTelegram, Talker};
use serde_json::{Map, Value, json};

use crate::{FRIEND, PAIRED, PAIRED_AT, PEOPLE, Row, STRANGER, access_groups, admits, check, direct};

/// The group that the tables know, and one that no list has.
const GROUP: i64 = -100_500;
const ELSEWHERE: i64 = -100_600;
/// A broadcast channel, and who speaks for Telegram itself.
const CHANNEL: i64 = -100_700;
const SERVICE: i64 = 777_000;
const ANONYMOUS_ADMIN: i64 = 1_087_968_824;
const CHANNEL_BOT: i64 = 136_817_688;

/// The rules of one account.
struct Rules {
    account: &'static str,
    dm: Option<&'static str>,
    group: Option<&'static str>,
    allow: Option<&'static [&'static str]>,
    group_allow: Option<&'static [&'static str]>,
    /// One group is listed, with its own senders and without the need of a mention.
    listed: bool,
}

const fn rules(
    account: &'static str,
    (dm, group): (Option<&'static str>, Option<&'static str>),
    allow: Option<&'static [&'static str]>,
    group_allow: Option<&'static [&'static str]>,
) -> Rules {
    Rules { account, dm, group, allow, group_allow, listed: false }
}

const TABLE: [Rules; 14] = [
    rules("unset", (None, None), None, None),
    rules("empty", (Some("pairing"), Some("allowlist")), Some(&[]), Some(&[])),
    rules(PAIRED_AT, (Some("pairing"), Some("allowlist")), Some(&["100"]), None),
    rules("pairing-open", (Some("pairing"), Some("open")), Some(&[]), None),
    rules("list", (Some("allowlist"), Some("allowlist")), Some(&["telegram:100", "discord:200"]), None),
    rules("list-none", (Some("allowlist"), Some("allowlist")), Some(&["100"]), Some(&[])),
    rules("list-other", (Some("allowlist"), Some("allowlist")), Some(&["100"]), Some(&["101"])),
    rules("list-all", (Some("allowlist"), Some("allowlist")), Some(&["100"]), Some(&["*"])),
    rules("list-open", (Some("allowlist"), Some("open")), Some(&["100"]), Some(&["100"])),
    rules(
        "team",
        (Some("allowlist"), Some("allowlist")),
        Some(&["accessGroup:team"]),
        Some(&["accessGroup:team"]),
    ),
    rules("open", (Some("open"), Some("open")), Some(&["*"]), None),
    rules("open-off", (Some("open"), Some("disabled")), Some(&["*"]), Some(&["*"])),
    rules("off", (Some("disabled"), Some("disabled")), Some(&["*"]), Some(&["*"])),
    Rules {
        listed: true,
        ..rules("listed", (Some("disabled"), Some("allowlist")), Some(&["*"]), Some(&["*"]))
    },
];

impl Rules {
    fn config(&self, token: &str) -> Value {
        let mut section = Map::new();
        section.insert("botToken".to_owned(), json!(token));
        let mut set = |key: &str, value: Option<Value>| {
            if let Some(value) = value {
                section.insert(key.to_owned(), value);
            }
        };
        set("dmPolicy", self.dm.map(Value::from));
        set("groupPolicy", self.group.map(Value::from));
        set("allowFrom", self.allow.map(|list| json!(list)));
        set("groupAllowFrom", self.group_allow.map(|list| json!(list)));
        let own = json!({ GROUP.to_string(): { "requireMention": false, "allowFrom": ["100"] } });
        set("groups", self.listed.then_some(own));
        Value::Object(section)
    }

    fn allowed(&self) -> &[&str] {
        self.allow.unwrap_or(&[])
    }

    fn may_direct(&self, sender: u64) -> bool {
        direct(self.dm.unwrap_or("pairing"), self.allowed(), "telegram", self.account, sender)
    }

    /// `sender` is an id as the vendor has it: of a person, or of a room in whose name somebody speaks.
    fn may_group(&self, group: i64, sender: i64, named: bool) -> bool {
        if self.listed {
            return group == GROUP && sender == 100;
        }
        let list = self.group_allow.unwrap_or(self.allowed());
        named
            && match self.group.unwrap_or("allowlist") {
                "open" => true,
                "allowlist" => admits(list, "telegram", &sender.to_string()),
                _ => false,
            }
    }
}

/// One account, and what it is told.
struct Teller<'a> {
    telegram: &'a FakeTelegram,
    rules: &'a Rules,
    token: String,
    bot: i64,
    rows: Vec<Row>,
}

impl Teller<'_> {
    /// Tells of `message` under the name of an update, with fields laid over it.
    fn tell(&mut self, what: &str, kind: &str, talker: &Talker, text: &str, fields: &Value, may: bool) {
        let mut message = self.telegram.message(&self.token, talker, text).unwrap();
        message.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
        let mut update = Map::new();
        update.insert(kind.to_owned(), message.clone());
        let number = self.telegram.inject(&self.token, Value::Object(update)).unwrap();
        let mut id = format!("{}:{}:{}", self.bot, message["chat"]["id"], message["message_id"]);
        if kind.starts_with("edited") {
            id.push_str(&format!(":u{number}"));
        }
        let what = format!("{what}: {kind} of {text:?} by {}", message["from"]["id"]);
        self.rows.push(Row { account: self.rules.account, what, id, may });
    }

    fn person(&mut self, user: u64) {
        let sender = i64::try_from(user).unwrap();
        let name = format!("@bot_{}", self.rules.account.replace('-', "_"));
        let named = format!("{name} are you there?");
        let friend = json!({ "id": FRIEND, "is_bot": false, "first_name": "friend", "username": "friend" });
        let bot = json!({ "id": self.bot, "is_bot": true, "first_name": "claw" });
        let replied = |from: &Value, chat: i64| {
            json!({ "message_id": 1, "date": 5, "chat": { "id": chat, "type": "supergroup" }, "from": from,
                "text": "words of somebody else" })
        };
        let nothing = json!({});
        let origin = json!({ "type": "user", "sender_user": friend, "date": 5 });
        let forwarded = json!({ "forward_origin": origin, "forward_from": friend, "forward_date": 5 });
        let edited = json!({ "edit_date": 1_800_000_000 });
        let quoting = |chat: i64| {
            json!({ "reply_to_message": replied(&friend, chat),
                "quote": { "text": "words of somebody else", "position": 0, "is_manual": true } })
        };

        let (dm, may) = (Talker::private(sender, "100"), self.rules.may_direct(user));
        self.tell("plain", "message", &dm, "hello", &nothing, may);
        self.tell("edited", "edited_message", &dm, "hello", &edited, false);
        self.tell("a friend's words, forwarded", "message", &dm, "hello", &forwarded, may);
        self.tell("a friend's words, quoted", "message", &dm, "hello", &quoting(sender), may);
        self.tell(
            "answers the bot",
            "message",
            &dm,
            "hello",
            &json!({ "reply_to_message": replied(&bot, sender) }),
            may,
        );
        let external =
            json!({ "external_reply": { "origin": origin }, "quote": { "text": "words", "position": 0 } });
        self.tell("a quote from another chat", "message", &dm, "hello", &external, may);

        for group in [GROUP, ELSEWHERE] {
            let at = Talker::in_group(group, "Friends", sender, "friend");
            let may = |rules: &Rules, named: bool| rules.may_group(group, sender, named);
            let (with, without) = (may(self.rules, true), may(self.rules, false));
            self.tell("names nobody", "message", &at, "hello", &nothing, without);
            self.tell("names the bot", "message", &at, &named, &nothing, with);
            self.tell("edited so that it names the bot", "edited_message", &at, &named, &edited, false);
            let answers = json!({ "reply_to_message": replied(&bot, group) });
            self.tell("answers the bot", "message", &at, "hello", &answers, with);
            let answers = json!({ "reply_to_message": replied(&friend, group) });
            self.tell("answers a friend", "message", &at, "hello", &answers, without);
            self.tell("a friend's words, forwarded", "message", &at, &named, &forwarded, with);
            self.tell("a friend's words, quoted", "message", &at, &named, &quoting(group), with);
            let cites = json!({ "reply_to_message": { "message_id": 1, "date": 5, "chat": { "id": group, "type": "supergroup" },
                "from": friend, "text": named } });
            self.tell("answers a friend who named the bot", "message", &at, "hello", &cites, without);
        }
    }

    fn others(&mut self) {
        let name = format!("@bot_{}", self.rules.account.replace('-', "_"));
        let named = format!("{name} are you there?");
        let at = Talker::in_group(GROUP, "Friends", 1, "nobody");
        let group = json!({ "id": GROUP, "type": "supergroup", "title": "Friends" });
        let channel = json!({ "id": CHANNEL, "type": "channel", "title": "News" });
        let bot = |id: i64| json!({ "id": id, "is_bot": true, "first_name": "somebody", "username": "somebody_bot" });
        let for_room = |rules: &Rules, room: i64| rules.may_group(GROUP, room, true);

        let admin = json!({ "from": bot(ANONYMOUS_ADMIN), "sender_chat": group });
        let may = for_room(self.rules, GROUP);
        self.tell("an anonymous administrator", "message", &at, &named, &admin, may);
        self.tell("an anonymous administrator names nobody", "message", &at, "hello", &admin, false);
        let signed = json!({ "from": bot(ANONYMOUS_ADMIN), "sender_chat": group, "author_signature": "100" });
        self.tell("one with a friend's title", "message", &at, &named, &signed, may);

        let service = json!({ "id": SERVICE, "is_bot": false, "first_name": "Telegram" });
        let origin = json!({ "type": "channel", "chat": channel, "message_id": 5, "date": 5 });
        let linked = json!({ "from": service, "sender_chat": channel, "is_automatic_forward": true, "forward_origin": origin });
        let may = for_room(self.rules, CHANNEL);
        self.tell("a post of the linked channel", "message", &at, &named, &linked, may);
        let posing = json!({ "from": bot(CHANNEL_BOT), "sender_chat": channel });
        self.tell("somebody in the name of a channel", "message", &at, &named, &posing, may);

        let may = self.rules.may_group(CHANNEL, CHANNEL, true);
        let post = json!({ "from": null, "chat": channel, "sender_chat": channel });
        self.tell("a post", "channel_post", &at, &named, &post, may);
        let edited =
            json!({ "from": null, "chat": channel, "sender_chat": channel, "edit_date": 1_800_000_000 });
        self.tell("a post, edited", "edited_channel_post", &at, &named, &edited, false);
        let unsigned = json!({ "from": null, "chat": channel });
        self.tell("a post that says not whose it is", "channel_post", &at, &named, &unsigned, may);

        // Whatever list it is in, and whatever it says.
        for id in [FRIEND, STRANGER] {
            let id = i64::try_from(id).unwrap();
            let dm = Talker::private(id, "somebody_bot");
            self.tell("another bot", "message", &at, &named, &json!({ "from": bot(id) }), false);
            self.tell("another bot", "message", &dm, "hello", &json!({ "from": bot(id) }), false);
        }
        let own = json!({ "from": bot(self.bot) });
        self.tell("the bot itself", "message", &at, &named, &own, false);
        let odd = json!({ "chat": { "id": FRIEND, "type": "whatever" } });
        let friend = Talker::private(i64::try_from(FRIEND).unwrap(), "friend");
        // A kind of chat that nobody knows is held to the rules of groups.
        let may = self.rules.may_group(100, 100, false);
        self.tell("a chat of an unknown kind", "message", &friend, "hello", &odd, may);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_update_of_the_bot_api_becomes_a_turn_that_should_not() {
    let telegram = FakeTelegram::start().await.unwrap();
    let model = model().await;
    let token = |number: usize| format!("{}:AAbypass_{number}", 9_000 + number);
    let mut accounts = Map::new();
    for (number, rules) in TABLE.iter().enumerate() {
        telegram.add_bot(&token(number), &format!("bot_{}", rules.account.replace('-', "_")));
        accounts.insert(rules.account.to_owned(), rules.config(&token(number)));
    }
    let mut config = model_only(&model);
    config["accessGroups"] = access_groups();
    config["channels"] =
        json!({ "telegram": { "apiRoot": telegram.api_root(), "historyLimit": 0, "accounts": accounts } });
    let home = Home::new(config);
    let _gateway = home.start().await;

    // The fourth is approved at one account.
    let number = TABLE.iter().position(|rules| rules.account == PAIRED_AT).unwrap();
    let paired = Talker::private(i64::try_from(PAIRED).unwrap(), "paired");
    telegram.say(&token(number), &paired, "may I?");
    let mut code = String::new();
    eventually("a code is there", async || {
        let listed = home.run(&["pairing", "list", "--channel", "telegram", "--json"]).await.ok().json();
        code = listed["requests"][0]["code"].as_str().unwrap_or_default().to_owned();
        !code.is_empty()
    })
    .await;
    home.run(&["pairing", "approve", "--channel", "telegram", "--account", PAIRED_AT, &code]).await.ok();

    let mut rows = Vec::new();
    for (number, rules) in TABLE.iter().enumerate() {
        let bot = i64::try_from(9_000 + number).unwrap();
        let mut teller = Teller { telegram: &telegram, rules, token: token(number), bot, rows: Vec::new() };
        for user in PEOPLE {
            teller.person(user);
        }
        teller.others();
        rows.append(&mut teller.rows);
    }
    for (number, rules) in TABLE.iter().enumerate() {
        let taken = telegram.wait_for_poll(&token(number), SOON).await;
        assert!(taken, "{} does not poll", rules.account);
        eventually("all is taken", async || telegram.unconfirmed(&token(number)) == 0).await;
    }
    check(&home, &model, "telegram", &rows).await;
}
