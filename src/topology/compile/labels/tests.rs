//! What steps `span` say, and what is wrong with some.

use crate::base::id::*;
use crate::model;
use crate::topology::Topology;
use crate::topology::compile::compile;
use crate::topology::labels::Value;

const MODEL: &str = r#"
duration: 1s
clients:
  shoppers:
    target: shop.buy
    arrivals: poisson(1/s)
    attributes: {basket: "uniform(n: 9)"}
    request: {headers: {tier: {gold: 50%, basic: 50%}}}
  robots: {target: shop.buy, arrivals: poisson(1/s)}
services:
  shop: {endpoints: {buy: [{work: 1ms}, STEP]}}
"#;

fn compiled(step: &str) -> Result<Topology, Vec<String>> {
    let text = MODEL.replace("STEP", step);
    let loader = |_: &str| Ok(text.as_bytes().to_vec());
    let loaded = model::read("model.yaml", &loader, &[], None)
        .map_err(|refused| refused.problems.list.iter().map(|problem| problem.message.clone()).collect::<Vec<_>>())?;
    compile(&loaded.model, &|name: &str| Err(name.to_string())).map_err(|problems| {
        problems.list.iter().map(|problem| format!("{} at {}", problem.code, problem.path.as_deref().unwrap_or_default())).collect()
    })
}

fn attributes(topology: &Topology, client: usize, count: u64) -> Vec<(&str, Value)> {
    topology.span_attributes(EndpointId(0), ClientId::new(client), 42, count)
}

#[test]
fn values_are_flags_numbers_and_texts_with_what_belongs_to_the_request() {
    let topology =
        compiled(r#"{span: {name: buys, attributes: {a: true, b: 3, c: 0.5, d: "{request}", e: "no. {request}", f: "{{x}", g: "{x"}}}"#);
    let topology = topology.unwrap();
    assert_eq!(topology.labels.spans[&EndpointId(0)].name.as_deref(), Some("buys"));
    let text = |text: &str| Value::Text(text.into());
    let expected = [
        ("a", Value::Flag(true)),
        ("b", Value::Whole(3)),
        ("c", Value::Number(0.5)),
        ("d", Value::Whole(7)),
        ("e", text("no. 7")),
        ("f", text("{x}")),
        ("g", text("{x")),
    ];
    assert_eq!(attributes(&topology, 1, 7), expected);
}

#[test]
fn what_a_client_draws_is_drawn_again_and_what_it_does_not_draw_is_left_out() {
    let topology = compiled(r#"{span: {attributes: {tier: "{tier}", basket: "{basket}"}}}"#).unwrap();
    // Clients stand in the order of their names: robots draw nothing.
    assert_eq!(attributes(&topology, 0, 1), []);
    let tiers: Vec<Value> = (0..400).map(|count| attributes(&topology, 1, count)[1].1.clone()).collect();
    let gold = tiers.iter().filter(|tier| **tier == Value::Text("gold".into())).count();
    assert!((150..250).contains(&gold), "{gold} of 400");
    let baskets: std::collections::BTreeSet<String> = (0..400).map(|count| attributes(&topology, 1, count)[0].1.to_string()).collect();
    assert_eq!(baskets.into_iter().collect::<String>(), "123456789");
}

#[test]
fn a_span_stands_once_among_the_endpoints_own_steps_and_names_what_is_drawn() {
    let twice = compiled("{span: {name: a}}, {span: {name: b}}").unwrap_err();
    assert_eq!(twice, ["second-span at services.shop.endpoints.buy[2]"]);
    let inside = compiled("{repeat: {times: 2, steps: [{span: {name: a}}]}}").unwrap_err();
    assert_eq!(inside, ["span-inside at services.shop.endpoints.buy[1].repeat.steps[0]"]);
    let unknown = compiled(r#"{span: {attributes: {a.b: "{teir}"}}}"#).unwrap_err();
    assert_eq!(unknown, [r#"unknown-attribute at services.shop.endpoints.buy[1].span.attributes."a.b""#]);
}
