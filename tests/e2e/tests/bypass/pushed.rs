//! The table of Discord's gateway: <https://docs.discord.com/developers/resources/message>.

use std::time::Duration;

use openclaw_e2e::{Home, SOON, eventually, model, model_only};
use openclaw_fakes::{DiscordTalker, FakeDiscord};
use serde_json::{Map, Value, json};

use crate::{FRIEND, PAIRED, PAIRED_AT, PEOPLE, Row, access_groups, check, direct};

/// The server that tables know, and one that none has; rooms of the first, and a thread of the first room.
const GUILD: u64 = 10;
const ELSEWHERE: u64 = 11;
const ROOM: u64 = 20;
const OTHER_ROOM: u64 = 21;
const THREAD: u64 = 30;
const ROOM_ELSEWHERE: u64 = 22;

/// Who may write where on a server: sender, server, room, and whether the bot was named.
type MayServer = fn(u64, u64, u64, bool) -> bool;

/// The rules of one account.
struct Rules {
    account: &'static str,
    dm: Option<&'static str>,
    allow: Option<&'static [&'static str]>,
    group: Option<&'static str>,
    /// JSON.
    guilds: Option<&'static str>,
    may_server: MayServer,
    /// The same for conversations of several people without a server.
    may_group: bool,
}

const fn nobody(_: u64, _: u64, _: u64, _: bool) -> bool {
    false
}

const TABLE: [Rules; 12] = [
    Rules {
        account: "unset",
        dm: None,
        allow: None,
        group: None,
        guilds: None,
        may_server: nobody,
        may_group: false,
    },
    Rules {
        account: PAIRED_AT,
        dm: Some("pairing"),
        allow: Some(&["100"]),
        group: Some("allowlist"),
        guilds: None,
        may_server: nobody,
        may_group: false,
    },
    Rules {
        account: "empty",
        dm: Some("pairing"),
        allow: Some(&[]),
        group: Some("allowlist"),
        guilds: Some("{}"),
        may_server: nobody,
        may_group: false,
    },
    Rules {
        account: "listed",
        dm: Some("allowlist"),
        allow: Some(&["discord:100", "telegram:200"]),
        group: Some("allowlist"),
        guilds: Some(r#"{"10": {}}"#),
        may_server: |_, guild, _, named| guild == GUILD && named,
        may_group: false,
    },
    Rules {
        account: "people",
        dm: Some("allowlist"),
        allow: Some(&["100"]),
        group: Some("allowlist"),
        guilds: Some(r#"{"10": {"users": ["100"]}}"#),
        may_server: |sender, guild, _, named| guild == GUILD && sender == FRIEND && named,
        may_group: false,
    },
    Rules {
        account: "rooms",
        dm: Some("allowlist"),
        allow: Some(&["accessGroup:team"]),
        group: Some("allowlist"),
        guilds: Some(r#"{"10": {"requireMention": false, "channels": {"20": {}}}}"#),
        may_server: |_, guild, room, _| guild == GUILD && room == ROOM,
        may_group: false,
    },
    Rules {
        account: "shut",
        dm: Some("allowlist"),
        allow: Some(&["100"]),
        group: Some("allowlist"),
        guilds: Some(r#"{"10": {"channels": {"*": {}, "20": {"enabled": false}}}}"#),
        may_server: |_, guild, room, named| guild == GUILD && room == OTHER_ROOM && named,
        may_group: false,
    },
    Rules {
        account: "roles",
        dm: Some("allowlist"),
        allow: Some(&["100"]),
        group: Some("allowlist"),
        guilds: Some(r#"{"10": {"roles": ["1"]}}"#),
        may_server: nobody,
        may_group: false,
    },
    Rules {
        account: "open",
        dm: Some("open"),
        allow: Some(&["*"]),
        group: Some("open"),
        guilds: None,
        may_server: |_, _, _, named| named,
        may_group: true,
    },
    Rules {
        account: "open-people",
        dm: Some("open"),
        allow: Some(&["*"]),
        group: Some("open"),
        guilds: Some(r#"{"10": {"users": ["100"]}}"#),
        may_server: |sender, guild, _, named| guild == GUILD && sender == FRIEND && named,
        may_group: false,
    },
    Rules {
        account: "open-off",
        dm: Some("open"),
        allow: Some(&["*"]),
        group: Some("disabled"),
        guilds: Some(r#"{"10": {}}"#),
        may_server: nobody,
        may_group: false,
    },
    Rules {
        account: "off",
        dm: Some("disabled"),
        allow: Some(&["*"]),
        group: Some("disabled"),
        guilds: None,
        may_server: nobody,
        may_group: false,
    },
];

impl Rules {
    fn config(&self, token: &str) -> Value {
        let mut section = Map::new();
        section.insert("token".to_owned(), json!(token));
        let mut set = |key: &str, value: Option<Value>| {
            if let Some(value) = value {
                section.insert(key.to_owned(), value);
            }
        };
        set("dmPolicy", self.dm.map(Value::from));
        set("allowFrom", self.allow.map(|list| json!(list)));
        set("groupPolicy", self.group.map(Value::from));
        set("guilds", self.guilds.map(|guilds| serde_json::from_str(guilds).unwrap()));
        Value::Object(section)
    }
}

/// One account, and what it is told.
struct Teller<'a> {
    discord: &'a FakeDiscord,
    rules: &'a Rules,
    token: String,
    bot: u64,
    rows: Vec<Row>,
}

impl Teller<'_> {
    /// Tells of a message with these fields.
    fn tell(&mut self, what: &str, talker: &DiscordTalker, text: &str, fields: &Value, may: bool) -> String {
        let id = self.discord.say_with(&self.token, talker, text, fields).unwrap();
        let what = format!("{what}: {text:?} by {talker:?}");
        self.rows.push(Row { account: self.rules.account, what, id: id.clone(), may });
        id
    }

    /// Tells of a change of a message; an edit is a message of its own.
    fn change(&mut self, what: &str, of: &str, fields: &Value) {
        self.discord.update(&self.token, of, fields);
        let at = fields["edited_timestamp"].as_str();
        // Without an edit it is the same message, which was judged already.
        if let Some(at) = at {
            self.rows.push(Row {
                account: self.rules.account,
                what: format!("{what}: a change of {of}"),
                id: format!("{of}:{at}"),
                may: false,
            });
        }
    }

    fn user(&self, id: u64) -> Value {
        json!({ "id": id.to_string(), "username": "friend", "discriminator": "0" })
    }

    fn person(&mut self, sender: u64) {
        let named = format!("<@{}> are you there?", self.bot);
        let (friend, bot) = (self.user(FRIEND), self.user(self.bot));
        let reply_to = |author: &Value, text: &str| {
            json!({ "type": 19, "message_reference": { "type": 0, "message_id": "1", "channel_id": "2" },
                "referenced_message": { "id": "1", "channel_id": "2", "author": author, "content": text, "type": 0,
                    "mentions": [] } })
        };
        let forward = |text: &str| {
            json!({ "message_reference": { "type": 1, "message_id": "1", "channel_id": "2" },
                "message_snapshots": [{ "message": { "content": text, "mentions": [bot], "type": 0 } }] })
        };
        let edited = json!({ "content": named, "edited_timestamp": "2026-01-01T00:01:00.000000+00:00" });
        let nothing = json!({});

        // The name is one that lists have; only the number counts.
        let dm = DiscordTalker::private(sender, "100");
        let allow = self.rules.allow.unwrap_or(&[]);
        let may = direct(self.rules.dm.unwrap_or("pairing"), allow, "discord", self.rules.account, sender);
        let plain = self.tell("plain", &dm, "hello", &nothing, may);
        self.change("edited", &plain, &edited);
        self.change("a preview of a link came", &plain, &json!({ "embeds": [{ "title": "x" }] }));
        self.tell("a friend's words, forwarded", &dm, "", &forward("words of somebody else"), may);
        self.tell("answers the bot", &dm, "hello", &reply_to(&bot, "hm"), may);
        self.tell("answers a friend", &dm, "hello", &reply_to(&friend, "hm"), may);

        let places = [
            (DiscordTalker::in_channel(GUILD, ROOM, sender, "friend"), GUILD, ROOM),
            (DiscordTalker::in_channel(GUILD, OTHER_ROOM, sender, "friend"), GUILD, OTHER_ROOM),
            (DiscordTalker::in_thread(GUILD, ROOM, THREAD, sender, "friend"), GUILD, ROOM),
            (
                DiscordTalker::in_channel(ELSEWHERE, ROOM_ELSEWHERE, sender, "friend"),
                ELSEWHERE,
                ROOM_ELSEWHERE,
            ),
        ];
        for (place, guild, room) in places {
            let may = self.rules.may_server;
            let (with, without) = (may(sender, guild, room, true), may(sender, guild, room, false));
            let first = self.tell("names nobody", &place, "hello", &nothing, without);
            self.change("edited so that it names the bot", &first, &edited);
            self.tell("names the bot", &place, &named, &nothing, with);
            self.tell("answers the bot", &place, "hello", &reply_to(&bot, "hm"), with);
            self.tell("answers who named the bot", &place, "hello", &reply_to(&friend, &named), without);
            self.tell("forwards who named the bot", &place, "", &forward(&named), without);
            let role = json!({ "mention_roles": ["1"], "mention_everyone": true });
            self.tell("names everybody", &place, "@everyone <@&1> hello", &role, without);
        }
        // Without a server, and not between two.
        let several = json!({ "channel_id": "40", "channel_type": 3 });
        self.tell("several people", &dm, "hello", &several, false);
        let may = self.rules.may_group;
        self.tell("several people, and the bot is named", &dm, &named, &several, may);
    }

    fn others(&mut self) {
        let named = format!("<@{}> are you there?", self.bot);
        let room = DiscordTalker::in_channel(GUILD, ROOM, FRIEND, "friend");
        let dm = DiscordTalker::private(FRIEND, "friend");
        let mut robot = self.user(FRIEND);
        robot["bot"] = json!(true);
        for at in [&room, &dm] {
            self.tell("another bot", at, &named, &json!({ "author": robot }), false);
            // A webhook takes any name and picture; it may say whose number it has, and is a bot without saying so.
            self.tell("a webhook", at, &named, &json!({ "webhook_id": "900" }), false);
            let own = json!({ "author": self.user(self.bot) });
            self.tell("the bot itself", at, &named, &own, false);
            let hook = json!({ "author": self.user(self.bot), "webhook_id": "901" });
            self.tell("a webhook of the bot's application", at, &named, &hook, false);
            // Somebody joined, a message was pinned, a thread was made: Discord writes in people's names.
            for kind in [7, 6, 18, 20, 23, 24] {
                self.tell("a notice of Discord's own", at, &named, &json!({ "type": kind }), false);
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_event_of_discord_becomes_a_turn_that_should_not() {
    let discord = FakeDiscord::start().await.unwrap();
    let model = model().await;
    let token = |number: usize| format!("MTAwMA.bypass.{number}");
    let mut accounts = Map::new();
    for (number, rules) in TABLE.iter().enumerate() {
        discord.add_bot(&token(number), 9_000 + number as u64, "claw");
        discord.set_limit(&token(number), 10_000, Duration::from_secs(1));
        accounts.insert(rules.account.to_owned(), rules.config(&token(number)));
    }
    let mut config = model_only(&model);
    config["accessGroups"] = access_groups();
    config["channels"] = json!({ "discord": {
        "apiRoot": discord.api_root(), "gatewayUrl": discord.gateway_url(), "historyLimit": 0, "accounts": accounts,
    } });
    let home = Home::new(config);
    let _gateway = home.start().await;
    for (number, rules) in TABLE.iter().enumerate() {
        assert!(discord.wait_for_session(&token(number), SOON).await, "{}", rules.account);
    }

    // The fourth is approved at one account.
    let number = TABLE.iter().position(|rules| rules.account == PAIRED_AT).unwrap();
    discord.say(&token(number), &DiscordTalker::private(PAIRED, "paired"), "may I?");
    let mut code = String::new();
    eventually("a code is there", async || {
        let listed = home.run(&["pairing", "list", "--channel", "discord", "--json"]).await.ok().json();
        code = listed["requests"][0]["code"].as_str().unwrap_or_default().to_owned();
        !code.is_empty()
    })
    .await;
    home.run(&["pairing", "approve", "--channel", "discord", "--account", PAIRED_AT, &code]).await.ok();

    let mut rows = Vec::new();
    let mut last = Vec::new();
    for (number, rules) in TABLE.iter().enumerate() {
        let bot = 9_000 + number as u64;
        let mut teller = Teller { discord: &discord, rules, token: token(number), bot, rows: Vec::new() };
        for sender in PEOPLE {
            teller.person(sender);
        }
        teller.others();
        // Behind everything else, so that what comes before it has been taken over when it is there.
        let stranger = DiscordTalker::private(999, "last");
        let everybody = rules.dm == Some("open");
        last.push((rules.account, teller.tell("the last one", &stranger, "the end", &json!({}), everybody)));
        rows.append(&mut teller.rows);
    }
    let mut client = openclaw_e2e::control::Connection::open(&home, &["operator.read"]).await;
    for (account, id) in last {
        let asked = json!({ "channel": "discord", "accountId": account, "messageId": id });
        eventually("all is taken", async || {
            let found = client.call("channels.why", asked.clone()).await.unwrap();
            !found["messages"].as_array().unwrap().is_empty()
        })
        .await;
    }
    check(&home, &model, "discord", &rows).await;
}
