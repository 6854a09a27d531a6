//! Maps whose keys are described in one place.

/// Declares a map: each key with its doc comment (which goes into the schema), the type of its value, and how it is read.
macro_rules! fields {
    (
        $(#[$meta:meta])*
        $vis:vis struct $name:ident($what:literal $(, secrecy: $secrecy:ident)? $(, finish: $finish:path)?) {
            $($(#[$key_meta:meta])* $key:ident: $type:ty = |$value:ident| $read:expr,)*
        }
    ) => {
        #[derive(Debug, Default, schemars::JsonSchema)]
        $(#[$meta])*
        $vis struct $name {
            $($(#[$key_meta])* pub(super) $key: $crate::yaml::Field<$type>,)*
        }

        impl $crate::yaml::Fields for $name {
            const WHAT: &'static str = $what;
            const KEYS: &'static [&'static str] = &[$(stringify!($key)),*];
            $(const SECRECY: $crate::yaml::Secrecy = $crate::yaml::Secrecy::$secrecy;)?

            fn field<'de, A: serde::de::MapAccess<'de>>(
                &mut self,
                key: &str,
                value: $crate::yaml::Unread<'_, A>,
            ) -> Result<(), A::Error> {
                match key {
                    $(stringify!($key) => {
                        let $value = value;
                        self.$key = $read?;
                    })*
                    _ => value.unknown(key)?,
                }
                Ok(())
            }

            $(fn finish(&mut self, cx: &mut $crate::yaml::ReadContext) {
                $finish(self, cx);
            })?
        }
    };
}
pub(crate) use fields;
