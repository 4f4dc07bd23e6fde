signature_version: 1
algorithm: ed25519
key_id: e58c98f83000ffdd
signature: 5uVe4F/YGERCTFw9c1IoM+LqV7+/bU/jxSKr0MM42zH/D3TDWvMeq28LgCLsPiH9donOdUGHxAWxyXnDa7aXDQ==
