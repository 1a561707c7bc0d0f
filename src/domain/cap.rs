//! One message of CAP 1.2 (OASIS Common Alerting Protocol) as XML: elements in the order of the schema, latitude before
//! longitude, rings closed, times with an offset.

use std::io;

use geo_types::MultiPolygon;
use quick_xml::Writer;
use quick_xml::events::{BytesDecl, BytesEnd, BytesStart, BytesText, Event};

use super::Timestamp;

/// The namespace of CAP 1.2.
pub const NAMESPACE: &str = "urn:oasis:names:tc:emergency:cap:1.2";

/// A message. Words are those of the schema.
#[derive(Clone, Debug)]
pub struct Message<'a> {
    pub identifier: &'a str,
    pub sender: &'a str,
    pub sent: Timestamp,
    pub status: &'a str,
    pub msg_type: &'a str,
    pub scope: &'a str,
    /// Who may pass it on; needed where the scope is restricted.
    pub restriction: Option<&'a str>,
    /// What it is for, where it is not for real, or why it is cancelled.
    pub note: Option<&'a str>,
    /// `sender,identifier,sent` of each message that it takes the place of, with spaces between; empty for the first.
    pub references: &'a str,
    pub infos: Vec<Info<'a>>,
    /// WGS 84, lon/lat; holes are not told.
    pub area: &'a MultiPolygon,
}

/// What it says in one language.
#[derive(Clone, Debug)]
pub struct Info<'a> {
    pub language: &'a str,
    pub category: &'a str,
    pub event: &'a str,
    pub response: &'a str,
    pub urgency: &'a str,
    pub severity: &'a str,
    pub certainty: &'a str,
    pub expires: Timestamp,
    pub sender_name: &'a str,
    pub headline: &'a str,
    pub description: &'a str,
    pub instruction: &'a str,
    pub contact: &'a str,
    /// Our own additions, by name.
    pub parameters: Vec<(&'a str, String)>,
    pub area: &'a str,
}

/// The message as XML, UTF-8.
///
/// # Errors
/// None that memory does not give: writing to it does not fail.
pub fn write(message: &Message<'_>) -> io::Result<String> {
    let mut xml = Xml(Writer::new_with_indent(Vec::new(), b' ', 2));
    xml.0.write_event(Event::Decl(BytesDecl::new("1.0", Some("UTF-8"), None)))?;
    let mut root = BytesStart::new("alert");
    root.push_attribute(("xmlns", NAMESPACE));
    xml.0.write_event(Event::Start(root))?;
    xml.text("identifier", message.identifier)?;
    xml.text("sender", message.sender)?;
    xml.text("sent", &message.sent.cap_text())?;
    xml.text("status", message.status)?;
    xml.text("msgType", message.msg_type)?;
    xml.text("scope", message.scope)?;
    xml.text("restriction", message.restriction.unwrap_or_default())?;
    xml.text("note", message.note.unwrap_or_default())?;
    xml.text("references", message.references)?;
    for info in &message.infos {
        xml.info(info, message)?;
    }
    xml.0.write_event(Event::End(BytesEnd::new("alert")))?;
    String::from_utf8(xml.0.into_inner()).map_err(io::Error::other)
}

/// A writer of XML elements that hold text; those that would be empty are left out.
pub struct Xml(pub Writer<Vec<u8>>);

impl Xml {
    /// An element with this text, or none if there is none. Characters that XML 1.0 cannot hold become spaces.
    ///
    /// # Errors
    /// As [`write`].
    pub fn text(&mut self, name: &str, text: &str) -> io::Result<()> {
        if text.is_empty() {
            return Ok(());
        }
        let text = cleaned(text);
        self.0.create_element(name).write_text_content(BytesText::new(&text))?;
        Ok(())
    }

    fn info(&mut self, info: &Info<'_>, message: &Message<'_>) -> io::Result<()> {
        self.0.write_event(Event::Start(BytesStart::new("info")))?;
        self.text("language", info.language)?;
        self.text("category", info.category)?;
        self.text("event", info.event)?;
        self.text("responseType", info.response)?;
        self.text("urgency", info.urgency)?;
        self.text("severity", info.severity)?;
        self.text("certainty", info.certainty)?;
        self.text("effective", &message.sent.cap_text())?;
        self.text("expires", &info.expires.cap_text())?;
        self.text("senderName", info.sender_name)?;
        self.text("headline", info.headline)?;
        self.text("description", info.description)?;
        self.text("instruction", info.instruction)?;
        self.text("contact", info.contact)?;
        for (name, value) in info.parameters.iter().filter(|(_, value)| !value.is_empty()) {
            self.0.write_event(Event::Start(BytesStart::new("parameter")))?;
            self.text("valueName", name)?;
            self.text("value", value)?;
            self.0.write_event(Event::End(BytesEnd::new("parameter")))?;
        }
        self.0.write_event(Event::Start(BytesStart::new("area")))?;
        self.text("areaDesc", info.area)?;
        for polygon in message.area {
            let pairs: Vec<String> = polygon.exterior().coords().map(|at| format!("{},{}", at.y, at.x)).collect();
            self.text("polygon", &pairs.join(" "))?;
        }
        self.0.write_event(Event::End(BytesEnd::new("area")))?;
        self.0.write_event(Event::End(BytesEnd::new("info")))
    }
}

/// The text as XML 1.0 can hold it.
#[must_use]
pub fn cleaned(text: &str) -> String {
    let may_be = |c: char| matches!(c, '\t' | '\n' | '\u{20}'..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..);
    text.chars().map(|c| if may_be(c) { c } else { ' ' }).collect()
}

#[cfg(test)]
mod tests {
    use geo_types::polygon;

    use super::*;

    #[test]
    fn a_message_keeps_the_order_of_the_schema_and_escapes_what_people_type() {
        let area = MultiPolygon(vec![
            polygon![(x: 103.1, y: 22.1), (x: 103.2, y: 22.1), (x: 103.2, y: 22.3), (x: 103.1, y: 22.1)],
        ]);
        let info = Info {
            language: "vi",
            category: "Geo",
            event: "Sạt lở đất",
            response: "Evacuate",
            urgency: "Expected",
            severity: "Severe",
            certainty: "Likely",
            expires: Timestamp::parse("2026-11-23T09:00:00Z").unwrap(),
            sender_name: "Phòng trực",
            headline: "A & B <c> \u{1}]]>",
            description: "d",
            instruction: "",
            contact: "",
            parameters: vec![("level", "3".into())],
            area: "Bản",
        };
        let message = Message {
            identifier: "urn:uuid:1",
            sender: "a.example",
            sent: Timestamp::parse("2026-11-23T02:14:36.789Z").unwrap(),
            status: "Actual",
            msg_type: "Alert",
            scope: "Restricted",
            restriction: Some("r"),
            note: None,
            references: "",
            infos: vec![info],
            area: &area,
        };
        let xml = write(&message).unwrap();
        assert!(xml.starts_with("<?xml version=\"1.0\" encoding=\"UTF-8\"?>"), "{xml}");
        assert!(xml.contains("<sent>2026-11-23T09:14:36+07:00</sent>"), "{xml}");
        assert!(xml.contains("<expires>2026-11-23T16:00:00+07:00</expires>"), "{xml}");
        assert!(xml.contains("<headline>A &amp; B &lt;c&gt;  ]]&gt;</headline>"), "{xml}");
        assert!(xml.contains("<polygon>22.1,103.1 22.1,103.2 22.3,103.2 22.1,103.1</polygon>"), "{xml}");
        assert!(!xml.contains("<references>") && !xml.contains("<instruction>") && !xml.contains('Z'), "{xml}");
        let order = ["<identifier>", "<restriction>", "<info>", "<category>", "<expires>", "<parameter>", "<area>"];
        let places: Vec<_> = order.iter().map(|name| xml.find(name).unwrap()).collect();
        assert!(places.is_sorted(), "{xml}");
    }
}
