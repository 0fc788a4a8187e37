//! Translation there and back, of answers and of errors.

use crate::small::{ask, cluster, ns, sees, table};
use netwhy_sim::{ClientSees, Detail, Trace};

const SERVICE: &str = "-A PREROUTING -d 10.96.0.10/32 -p tcp -m tcp --dport 80 -j DNAT --to-destination 10.2.0.2:80";
const MASQUERADE: &str = "-A POSTROUTING -o rs -j MASQUERADE";

fn translations(answer: &Trace) -> Vec<String> {
    let text = |d: &Detail| match d {
        Detail::Dnat { to } => Some(format!("dnat {}:{}", to.0, to.1)),
        Detail::Snat { to } => Some(format!("snat {}", to.0)),
        Detail::Untranslate { src, dst } => Some(format!("back {} {}", src.0, dst.0)),
        _ => None,
    };
    answer.first().steps.iter().filter_map(|s| text(&s.detail)).collect()
}

#[test]
fn answers_go_back_as_they_came() {
    let answer = ask(&cluster(&table("nat", &[SERVICE, MASQUERADE])), 6, "10.96.0.10:80");
    assert_eq!(answer.first().client, ClientSees::Ok);
    assert_eq!(answer.first().seen_client, Some([10, 2, 0, 1].into()));
    // SYN there, SYN-ACK back in two steps, ACK there again by the entry.
    let wanted = [
        "dnat 10.2.0.2:80",
        "snat 10.2.0.1",
        "back 10.2.0.2 10.1.0.2",
        "back 10.96.0.10 10.1.0.2",
        "dnat 10.2.0.2:80",
        "snat 10.2.0.1",
    ];
    assert_eq!(translations(&answer), wanted);
}

#[test]
fn a_reset_and_an_error_come_from_the_service() {
    let rules = [SERVICE.replace("10.2.0.2:80", "10.2.0.2:99"), MASQUERADE.to_owned()];
    let lines: Vec<&str> = rules.iter().map(String::as_str).collect();
    assert_eq!(
        sees(&cluster(&table("nat", &lines)), 6, "10.96.0.10:80"),
        ClientSees::Refused
    );
    let udp = SERVICE.replace("tcp", "udp").replace("10.2.0.2:80", "10.2.0.2:99");
    let answer = ask(&cluster(&table("nat", &[&udp, MASQUERADE])), 17, "10.96.0.10:80");
    assert_eq!(answer.first().client, ClientSees::Refused);
    assert_eq!(translations(&answer).last().unwrap(), "back 10.96.0.10 10.1.0.2");
}

#[test]
fn an_error_of_the_router_itself_is_translated_before_anything_is_confirmed() {
    let filter = table(
        "filter",
        &["-A FORWARD -d 10.2.0.2/32 -j REJECT --reject-with icmp-host-prohibited"],
    );
    let save = table("nat", &[SERVICE]) + &filter;
    assert_eq!(sees(&cluster(&save), 6, "10.96.0.10:80"), ClientSees::NoRoute);
}

#[test]
fn a_lost_error_is_silence_and_ends_where_it_was_lost() {
    let rules = ["-A FORWARD -m conntrack --ctstate RELATED -j DROP"];
    let cluster = cluster(&table("filter", &rules));
    let answer = ask(&cluster, 17, "10.2.0.2:99");
    let end = &answer.first().end;
    assert_eq!(answer.first().client, ClientSees::Timeout);
    assert_eq!((end.netns, end.reply), (ns(&cluster, "nodes/r/host"), true));
}

#[test]
fn without_a_translation_the_answer_of_another_address_is_not_taken() {
    // The router answers for the server's address: the SYN-ACK has no entry to go back by.
    let raw = table("raw", &["-A PREROUTING -i rs -j CT --notrack"]);
    let answer = ask(&cluster(&(table("nat", &[SERVICE]) + &raw)), 6, "10.96.0.10:80");
    assert_eq!(answer.first().client, ClientSees::Timeout);
}

#[test]
fn two_connections_whose_answers_look_alike_get_different_ports() {
    // Through the router twice: to the Service, which leads back to the router, and on to the server.
    let rules = [
        SERVICE,
        "-A PREROUTING -d 10.96.0.11/32 -p tcp -m tcp --dport 80 -j DNAT --to-destination 10.2.0.2:80",
    ];
    let cluster = cluster(&table("nat", &rules));
    for to in ["10.96.0.10:80", "10.96.0.11:80", "10.2.0.2:80"] {
        assert_eq!(sees(&cluster, 6, to), ClientSees::Ok);
    }
}
