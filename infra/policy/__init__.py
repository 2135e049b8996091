"""The policy pack: what every stack must be like on AWS and Google Cloud, judged by the engine before it deploys."""
