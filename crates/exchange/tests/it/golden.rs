//! Golden texts: what version 0.1 writes, and a sealed bundle that it wrote, opened by every later build.
//!
//! Where a text rightly changes, its schema gets a new number and a new constant; these stay.

use crate::world::{NOW, World, at, item, partner, payload};
use evidence::sealed::Identity;
use exchange::stix::{self, Producer};
use exchange::{Payload, open_bundle, receipt, receive};
use terms::{
    Category, Channel, Confidence, ExhibitId, FindingBody, Handling, HandlingCode, Protection, Purpose, Tlp,
    Unsealed,
};

const PAYLOAD: &str = r##"{"schema":"comity.payload/1","from":"company","to":"police","member":null,"act":"receive","purpose":"takedown","case":null,"handling":{"tlp":"amber+strict","code":"h1"},"origin":null,"concerns":[],"consent":null,"items":[{"name":"domains.txt","media_type":"text/plain","categories":["c2-infrastructure"],"protection":{"form":"clear"},"obtained":"voluntary","records":1,"bytes":"cmVsYXktb25lLmNvbS5leGFtcGxlCg=="},{"name":"bots.csv","media_type":"text/plain","categories":["sinkhole-log"],"protection":{"form":"aggregate","parameter":10},"obtained":"voluntary","records":1,"bytes":"cmVsYXktb25lLmNvbS5leGFtcGxlCg=="}]}"##;

#[test]
fn a_payload() {
    let handling = Handling { tlp: Tlp::AmberStrict, code: HandlingCode::H1 };
    let mut payload = Payload::new(partner("company"), partner("police"), Purpose::Takedown, handling);
    payload.items.push(item("domains.txt", Category::C2Infrastructure, Protection::Clear));
    payload.items.push(item("bots.csv", Category::SinkholeLog, Protection::Aggregate(10)));
    let text = String::from_utf8(payload.canonical().unwrap()).unwrap();
    assert_eq!(text, PAYLOAD);
}

const STIX: &str = r##"{
  "type": "bundle",
  "id": "bundle--5cce9743-bf50-5673-a5b8-9f90d8ef3e9f",
  "objects": [
    {
      "type": "marking-definition",
      "spec_version": "2.1",
      "id": "marking-definition--55d920b0-5e8b-4f79-9ee9-91f868d9b421",
      "created": "2022-10-01T00:00:00.000Z",
      "name": "TLP:AMBER",
      "extensions": {
        "extension-definition--60a3c5c5-0d10-413e-aab3-9e08dde9e88d": {
          "extension_type": "property-extension",
          "tlp_2_0": "amber"
        }
      }
    },
    {
      "type": "identity",
      "spec_version": "2.1",
      "id": "identity--7c54a01b-b5f6-56eb-8cde-2a4842f67b45",
      "created_by_ref": "identity--7c54a01b-b5f6-56eb-8cde-2a4842f67b45",
      "created": "2026-03-08T10:00:00.000Z",
      "modified": "2026-03-08T10:00:00.000Z",
      "name": "Meridian Software",
      "identity_class": "organization",
      "object_marking_refs": [
        "marking-definition--55d920b0-5e8b-4f79-9ee9-91f868d9b421"
      ]
    },
    {
      "type": "indicator",
      "spec_version": "2.1",
      "id": "indicator--70d9a262-840f-54bc-b5b5-11143f7c124d",
      "created_by_ref": "identity--7c54a01b-b5f6-56eb-8cde-2a4842f67b45",
      "created": "2026-03-08T10:00:00.000Z",
      "modified": "2026-03-08T10:00:00.000Z",
      "name": "relay-one.com.example",
      "description": "A row of a test.",
      "indicator_types": [
        "anomalous-activity"
      ],
      "pattern": "[domain-name:value = 'relay-one.com.example']",
      "pattern_type": "stix",
      "valid_from": "2026-03-08T10:00:00.000Z",
      "confidence": 80,
      "external_references": [
        {
          "source_name": "comity.finding/1",
          "external_id": "6828fa7ccdc312768d98be6ed80fb795488bf1e494795c7c42b0b3cece3ea614"
        }
      ],
      "object_marking_refs": [
        "marking-definition--55d920b0-5e8b-4f79-9ee9-91f868d9b421"
      ]
    }
  ]
}"##;

#[test]
fn a_stix_bundle() {
    let finding = Unsealed {
        examiner: "test".into(),
        version: 1,
        confidence: Confidence::new(80),
        reason: "A row of a test.".into(),
        body: FindingBody::Beacon {
            source: "p:00".into(),
            remote: Channel::domain("relay-one.com.example"),
            transport: "tcp".into(),
            connections: 40,
            interval: 60.0,
            score: 0.9,
        },
    }
    .seal(vec![ExhibitId::of(b"exhibit")]);
    let producer = Producer {
        partner: partner("company"),
        name: "Meridian Software".into(),
        at: at(NOW),
        tlp: Tlp::Amber,
    };
    let written = stix::write(&[finding], &producer).unwrap();
    let value: serde_json::Value = serde_json::from_slice(&written.bytes).unwrap();
    assert_eq!(serde_json::to_string_pretty(&value).unwrap(), STIX);
}

/// Opens [`BUNDLE`]. A key of this test alone; nothing else was ever sealed for it.
const SECRET: &str = "AGE-SECRET-KEY-1H79JT9QSDMXUJJF7SMNR5FQS4KWH86WFSQ7S22CA5P940799TJCQD7L34D";
/// A bundle in hexadecimal, as version 0.1 released it.
const BUNDLE: &str = "\
    636f6d6974792d62756e646c652f310a7b22736368656d61223a22636f6d6974792e72656c656173652f31222c2272656c65\
    617365223a2272656c656173652d31222c2266726f6d223a22636f6d70616e79222c22746f223a22706f6c696365222c226d\
    656d626572223a6e756c6c2c22707572706f7365223a2274616b65646f776e222c2261677265656d656e74223a22636f6d70\
    616e792d706f6c696365222c2276657273696f6e223a22313431626363326565353238313662646631393561613238636333\
    36386263363530343333373263633264373265623937646362343064666566306566663566222c22636c6175736573223a5b\
    22636f6d70616e792d706f6c69636520332e31222c22636f6d70616e792d706f6c69636520362e31222c22636f6d70616e79\
    2d706f6c69636520372e31225d2c22647574696573223a5b226b656570206174206d6f73742039302064617973222c226572\
    61736520627920323032362d30362d30365431303a30303a30305a222c2270726f7665207468652065726173757265207769\
    7468696e2031302064617973222c227265706f7274206261636b2077697468696e20373220686f757273225d2c2265726173\
    655f6279223a22323032362d30362d30365431303a30303a30305a222c2272656c6561736564223a22323032362d30332d30\
    385431303a30303a30305a222c2273697a65223a3730377d0a6167652d656e6372797074696f6e2e6f72672f76310a2d3e20\
    583235353139206554454872574f7a537a5a5778454342754f503266776d484a4d544e4b6a446e46793757793947562b3367\
    0a78306e6e683243464243304165506856453567427a725649396f775466333875344970482b664b476b46380a2d3e204465\
    4867682d6772656173650a532f552f7266502b3141302f354f614c5a3471584d3237453371705061654b344a657a5054546a\
    385043446d366d6e73796d693141654f417368594a0a2d2d2d20492f4a506a79346454325541516f656461776e7150753458\
    765a6a5255563444453652415163437a5546490a5482a7afc165556096f51f5da7a3d12f0590c102b64175fe6bec62cf1224\
    49c6e3b17ec755ad7374a139652dd8d16cc823b29ea3760552442dd24f9af51409eac646d217e38a1ddbc9f3369135bcdd29\
    490cf11fb80c46aa01f62b5e637d2b7789c1b3ed2d96b3962ca8208441bdd372571087fee6b9ac0707694e5c3f34225431d1\
    954698e798cc79900cf278e5079458b337f28fbd642915e8bc5b0905d66a28d13c60e4091943ad21f5543093f1be88501e8a\
    c4dc34749356c8385c5e9a441e6c5ca58b4f44e15123ed08fac6e2f8a24cf1d5f37d88bb28b728966129d293225e9a3d8139\
    a3447a66ea1b5bd39b17d1e37946d3c973773c3dd604f0a7b15bc8651110fb8408102b2b67de49fc28e80aeca850db67f5d5\
    dd55d0edd65ffe538d03cd51516bf897907b6d6a03848ce0b0b45c1ddc79ab07e6b245ab2365e8115a00e8fcbe9422901c99\
    9631b786f01f458936e6100a44f87b7407c7e6fb7fcc1242d8f5fd5ed7ba239bd85af101e5ee6da6776935913bea98e3eca9\
    6948771d0c00d34c89ea4b7c0ec727165616569182cb2761840552ea5f7710a981213d5bed96eb3f659af7dd7d042cacad91\
    b9b4252364b3586c59e9b2473baa46d7feb299ed6ead0336223b89fed75583a6488f865f39ab8d9fca47c958746d9dda5215\
    308f9a016ef2542b42a1c4d6175c7a82e289887482e4931f3f01fbc44efc6c4b2f052cbc20c9a1ea664b80e3452c20091bb9\
    d95a57085bd9677ce766e858fcfef528dd7cefcbbd6d4251e50fda34a09fb8ae64cd716db2bde07056a1a60a4650daf8b412\
    a4a677afc3e53f32de1726e84e99102f079037a1e600b5443ce8a354a56929e063d953ea1beaaf725b3f7eb8ad9cbcb8b17e\
    37d6fbde26448c7fef61320f914d6d3bd960da5040c421d2f5d476e255511b1ae4e276d4b2c6356c057756a715ce674627e0\
    23645a59cbdbc6be3778ef4c1648854270056667aabcd28cd69bed95fafbe08f38b74a4cb452033ad530d1439686e5d957a4\
    7b8ead8615dcb4cfb2ee3eacc826d80c69036b984799b6965f587b4174e7c138ae73b4d0820e7206adef1496e6f77960bfb5\
    3f4b4ef10d9c9c7c2bdb50c2a710559ea297013c47a07e19bb55f50f0b6b1b9687bd595bd3f4fbad90af6caa280641c8e993\
    3ba0cc1a9f692605e49125e40caf372a8087724e65999b68a2ee166932bd1eb59cbe45e35cca29eafa96d696e6ef6425e453\
    de9fed632c22b4184baaa677104d6bddc8037ce188ac5e094371fc4dd7c85a622b3e8521b6ef30ae3406749e3f523c2cf4c9\
    b5dacdff3f6bd3de19a8bf2beb0f495cb400b1ac373e2bfe64533d8822ae5a9f869651619ff91538e216db67e2d3bf0ce6b1\
    925aa2e44da5aa064374c1b1526ffa0200bbaa65e51ba77e0b47aaf21e9df31183e8f882475be1f686f38a7e477f449ae260\
    336bf13a83f1a37d7582d0b404334ab3337d6a74063d294f0bf859af4691bec63dfb2fb4f564ee47c3bedc7f5893ad421f9c\
    856f6f68778f92e48e78e47e5fe045860354fb4209f317e86be816b934fbd700cdb06c3be2116990957217493a3b4c43a993\
    9ae9035049df760c59a42b862d59ff7a5b2e84dd8e2cbd5ea02bee316849e92eb2b27cde4b878c037800b2b0314455b6ef7d\
    f82b2dcb98809d47bdb6689d0b323d7b7d1f608ae88591536bf5ab7016d80435a407ccd5314c5486b598af1dbd49e17030b0\
    ae707d90fab1cc5e3a4fbc45d17ad102aab658461e8d4294f9fd8637fa652fed9d10f303827a2582c3eabbbb319cff37adb3\
    99a1aa348234cd3d59847f0fd2794173bb32a7a53e35928935104f0cd709a982bc84f5491e443b1578c11c496dd29c177820\
    db89da670077fbc69366018cb9df35abf06566d7e74ea55f3113e76c67445f9bd76f603bee983df9c70f1925ab1cf0cc7ed0\
    10760a0ffdb7fd94c7023bf5cdf0ef51d464b1beb5941c724f414b70706d300cbea982de82f0800a163656b8d368e2d0c006\
    82b1872f126b8a757ed62cea12f971b2e273ef3b22bbe1ba26783f73acf7d58d9ef9bc1959f503b6523e7df37018dd0b3fcf\
    f7a72b464e1282735275bf2020fcfdc3ef278c4672bdbd4f6d93f821252817b62b74e8f8c23136780a42ede34ff1fd2f0a28\
    34126328b91a342bbe7f4a54738fac0916373aeecb34aa87cf85c49c7c58e84ddca19f188979e68c6124144056afe66837b1\
    9afffb83d7b8351b8e12c2c7dbe41a3da1fea0e5f1e411bfa6f5434319b530838ac4a576a1595ebe3ea2acb0a654f6571139\
    47e0bbcd407439fd551baa34a2f0828d84cc451d579095daf4d95f427529518d436d5d00df9588484c4d681db1b9beae0ffb\
    c6a07ea1730a90590894364c68adaf165377c0fe851d6a0e823f7b8eb8b2de6520dc5a244c1ad691ce3f5c9b04488b5fff54\
    bd15b459f843af97feb584b2fb2cdab0494e4659dab5fe30dc2b8b523abfb25f13ab38fd73c497c962079de0c950bb974272\
    9347ee89e22817f30b2e13c45b901365ac4d38da77711b4316f98135c2cd83e8d2593d1bee368100520a070322bd6e3f5048\
    c5d331f9637ff4d1ec1329320c23a984412c9e97ec89c44c584421a01eebb7e37ab4822f2141ae662ec10213ff4c6971d3a7\
    589d5713147d7d3eb173930d38d8e75f3ec5cea35cf0a2f5f50832e70f408cf602ffb521121606104751e8d5989ae88bcd7c\
    83f7a334aee348c4598a32ce1157e274f10ee9a923a8f38acd6d7f3e84aaf2624e6c20b8b5840e649a28cb36dde2fca89ce8\
    ed3989f130303f23619a52b0300788649ba09881f351d97f88b2cbfb8b2b53f0c4741b8549518c0ea4d400da0867f30f7d07\
    bec3b399a8813d8b878b4cafe29080369bdc48125e337b2b6b69181a22f575fd6c0b1500f900572cc8966a6280b112dc109b\
    5626f71a82d2798d4c46f3c2ed2a79ff274afbffcb5b3edfdadb3c4799b4a8436184a80dbdcfbecfa3dd46db8583d0fc2859\
    73afe06e7c159937745cbb1495ba85ded4cf3d60982b61a1cee1240832d02bdec5588d5bc9a095a044a8721ec8f3c154808d\
    ad535ac271ed4e1bdd95e631ba4c902a2958c9ae0ca412ce097b00705cc398060b09d0febc134853490d32a0ae80a32bea2b\
    40eb7dc3e665f8379bdad894149cd02ca815a85028f6fce544e502ef9a3599b1246d27828df63a88fbf2a43c7245b3fd407c\
    0dc8a0f3b3e9d78cfae2fc57a74105729426a53b44b2263809ea451e40e9f36266a91e239ba0b93ec5eeb2e3a9d0821bff5c\
    b90d559f00d0f8a710fed3be6f56ce1d71a6e203a14430eb0771d8205ecdee33e2bef2c352c0f6731365b50d26ae664b08ac\
    db2b0739e86afb057609bcab627a8c7422b6a338ca906a81ec0eda2b3851cf3f2e823a88e65c38f53455af7de1606da23ba3\
    303219775186c28fa97f4895f22074a6c758cec483e14cdad711318cfb98f92bb5b086bd4443c24b3a19b734217a783460ad\
    f98b0fa82e972857ad7bedabf743cfeff5e39392cfe434a76decd7ba612c2303ec49147cf789c9b475de221b657589cd4177\
    bb9fee5fcaf6506eadf380bb2d5220fbc9abe37f47bda07556c071a6e96a64f97d0abe6b76bd39b8dbad0c799fdd10922645\
    da22dffa224808406bd23037f4a54e90ef47db5af34f821c1cdb08372ec097e4e7620efdab96215f9e97ce0d992219ab437c\
    e6ccf29249025dee5ab9091a4c241accbbde7fb41896c1d647ecb26573db2b9a63e6aa001cf002ddcf68f39736d0d7dc49d6\
    fc762f06aa45aa496724e8c43a789859eee9db6c9dd81a4a5cb59ff5a03f8e260437400135b966cc70e73079ba61e1";
/// The payload of the receipt that version 0.1 gave for it.
const RECEIPT: &str = r##"{"schema":"comity.receipt/1","release":"release-1","payload":"b3a1cf0aad2752739a67dcde1d1971e31300b8200d3115bb6779d9e1d893f6af","agreement":"company-police","version":"141bcc2ee52816bdf195aa28cc368bc65043372cc2d72eb97dcb40dfef0eff5f","from":"company","by":"police","member":null,"received":"2026-03-08T10:00:00Z","erase_by":"2026-06-06T10:00:00Z","ledger":{"origin":"police.example/ledger","size":7,"root":"4813494d137e1631bba301d5acab6e7bb7aa74ce1185d456565ef51d737677b2"},"answers":[]}"##;

#[test]
fn a_bundle_of_version_0_1_is_taken_in() {
    let world = World::new();
    let identity = Identity::from_secret_text(SECRET).unwrap();
    let bundle = hex::decode(BUNDLE).unwrap();
    let received = open_bundle(&bundle, &identity).unwrap();
    let accepted =
        receive(&received, &partner("police"), &world.agreements, agreement::Spent::NONE, at(NOW)).unwrap();
    assert_eq!(accepted.payload(), &payload());
    let bytes = receipt::make(&accepted, &world.police_node, World::position(), Vec::new()).unwrap();
    let receipt = serde_json::to_string(&receipt::unverified(&bytes).unwrap()).unwrap();
    assert_eq!(receipt, RECEIPT);
}
